// Package durable gives files their names: a file of a name is a whole one, whatever
// happens while it is made, and no file is replaced unless that is asked for. All
// that the project writes is published by it. Who can wait asks it whether a volume has
// room to spare ([CheckFree]). It knows the standard library alone.
package durable

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Create makes a new file. fill writes it under another name, at which there is
// nothing yet; it may use the folder of that name for more. What fill has written is
// synced, and only then gets its name, durably.
//
// If there is something of that name already, or it comes while fill runs, Create
// returns fs.ErrExist and leaves it alone. What crashes have left of the same file
// is removed first, as far as that can be done.
func Create(path string, fill func(unfinished string) error) error {
	if err := checkUnused(path); err != nil {
		return err
	}
	return publish(path, fill, link)
}

// Replace does the same in place of the file of that name, if there is one. Until the
// last moment that one stands.
func Replace(path string, fill func(unfinished string) error) error {
	return publish(path, fill, os.Rename)
}

// Writing is a fill for what is written from the first byte to the last. The file has
// the mode 0600.
func Writing(write func(io.Writer) error) func(unfinished string) error {
	return func(unfinished string) error {
		f, err := os.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(f, 64<<10)
		if err = write(w); err == nil {
			err = w.Flush()
		}
		return errors.Join(err, f.Close())
	}
}

// checkUnused spares the work where it can't succeed.
func checkUnused(path string) error {
	_, err := os.Lstat(path)
	switch {
	case err == nil:
		return fmt.Errorf("%s: %w", path, fs.ErrExist)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return err
}

func publish(path string, fill func(unfinished string) error, name func(from, to string) error) error {
	path = filepath.Clean(path)
	// What can't be removed, since it is another user's, is in nobody's way.
	_ = Tidy(filepath.Dir(path), func(of string) bool { return of == filepath.Base(path) })
	shop, err := OpenWorkshop(path)
	if err != nil {
		return err
	}
	unfinished := shop.Path("unfinished")
	if err = fill(unfinished); err == nil {
		err = syncFile(unfinished)
	}
	if err == nil {
		err = name(unfinished, path)
	}
	if err = errors.Join(err, shop.Close()); err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// link gives a file its name where a rename would replace what has it.
func link(from, to string) error {
	err := os.Link(from, to)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EPERM) {
		err = fmt.Errorf("%w; the folder must be on a file system that has hard links", err)
	}
	return err
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// SyncFolder makes the names in a folder durable.
func SyncFolder(path string) error { return syncFile(path) }

// MakeFolder makes a folder for its owner alone, unless there is one, and those above it
// that are missing. Each of them is durable when it returns.
func MakeFolder(path string) error {
	above := filepath.Dir(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() || above == path {
		return err
	}
	if err := MakeFolder(above); err != nil {
		return err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return SyncFolder(above)
}
