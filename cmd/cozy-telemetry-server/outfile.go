package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// outFile is a file that gets its name only when all of it is on disk. Until then
// it lies beside it under another one.
type outFile struct {
	*os.File
	path  string
	force bool
}

// createOut begins a file. Without force there must be none of that name.
func createOut(path string, force bool) (*outFile, error) {
	if err := checkAbsent(path, force); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part")
	if err != nil {
		return nil, err
	}
	return &outFile{f, path, force}, nil
}

// checkAbsent refuses a name that is taken.
func checkAbsent(path string, force bool) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !force:
		return fmt.Errorf("%s: there is such a file already; --force replaces it", path)
	}
	return nil
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
