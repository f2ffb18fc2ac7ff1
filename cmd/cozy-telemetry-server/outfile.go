package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/store"
)

// outFile is a file that gets its name only when all of it is on disk. Until then
// it lies beside it under another one.
type outFile struct {
	*os.File
	path  string
	force bool
}

// createOut begins a file. Without force there must be none of that name, and with
// it none that a server has open: the server would go on with a file that has no name.
func createOut(path string, force bool) (*outFile, error) {
	err := checkPlace(path)
	switch {
	case errors.Is(err, errTaken) && !force:
		return nil, fmt.Errorf("%w; --force replaces it", err)
	case errors.Is(err, errTaken):
		err = checkNotServed(path)
	}
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, err
	}
	return &outFile{f, path, force}, nil
}

var errTaken = errors.New("there is such a file already")

// checkPlace refuses a place that no file can be made in. It returns errTaken if
// there is a file.
func checkPlace(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return checkFolder("", filepath.Dir(path))
	case err != nil:
		return err
	case info.IsDir():
		return fmt.Errorf("%s: it is a folder; name a file", path)
	}
	return fmt.Errorf("%s: %w", path, errTaken)
}

// checkNew refuses a place for a file that never replaces another.
func checkNew(path string) error {
	err := checkPlace(path)
	if errors.Is(err, errTaken) {
		return fmt.Errorf("%w; name another", err)
	}
	return err
}

// checkFolder refuses what is no folder. What begins the message names the flag, if
// there is one.
func checkFolder(what, path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s%s: there is no such folder", what, path)
	case err != nil:
		return fmt.Errorf("%s%w", what, err)
	case !info.IsDir():
		return fmt.Errorf("%s%s: it is not a folder", what, path)
	}
	return nil
}

// checkMirror refuses a mirror that is not there.
func checkMirror(path string) error { return checkFolder("--snapshot-dir: ", path) }

// sameFile tells whether two names are those of one file that is there.
func sameFile(a, b string) bool {
	left, leftErr := os.Stat(a)
	right, rightErr := os.Stat(b)
	return leftErr == nil && rightErr == nil && os.SameFile(left, right)
}

// checkNotServed refuses a database that a server has open.
func checkNotServed(path string) error {
	s, err := store.OpenReadOnly(path)
	switch {
	case err == nil:
		return s.Close()
	case errors.Is(err, store.ErrLocked):
		return err
	}
	return nil // whatever it is, it may be replaced
}

// commit gives the file its name, durably.
func (f *outFile) commit() error {
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := rename(f.Name(), f.path, f.force); err != nil {
		return err
	}
	return syncFolderOf(f.path)
}

// discard removes the file if it was not committed.
func (f *outFile) discard() {
	_ = f.Close() // it may be closed already
	_ = os.Remove(f.Name())
}

// rename gives a file another name, which must be free unless force is given. A
// plain rename would replace what somebody else has made meanwhile.
func rename(from, to string, force bool) error {
	if force {
		return os.Rename(from, to)
	}
	if err := os.Link(from, to); err != nil {
		return err
	}
	return os.Remove(from)
}

// syncFolderOf makes the name of a file durable.
func syncFolderOf(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
