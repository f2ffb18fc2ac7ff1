package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	bolt "go.etcd.io/bbolt"
)

// newFile writes a file under a name of its own beside path, makes it durable,
// checks it, and only then gives it its name. What a crash leaves behind is removed
// by the next call for the same path. fill returns how many keys the file must have.
func newFile(path string, fill func(temp string) (keys int, err error)) error {
	if err := checkUnused(path); err != nil {
		return err
	}
	return replaceFile(path, fill)
}

// checkUnused returns fs.ErrExist if there is something of that name.
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

// replaceFile does the same to a file that may be there already.
func replaceFile(path string, fill func(temp string) (keys int, err error)) error {
	path = filepath.Clean(path)
	if err := removeLeftOvers(path); err != nil {
		return err
	}
	temp, err := createTemp(path)
	if err != nil {
		return err
	}
	keys, err := fill(temp)
	if err == nil {
		err = keepOwner(path, temp)
	}
	if err == nil {
		err = syncFile(temp)
	}
	if err == nil {
		err = checkKeys(temp, keys)
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncDir(filepath.Dir(path))
}

// createTemp makes an empty file for what shall become path.
func createTemp(path string) (string, error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.tmp")
	if err != nil {
		return "", err
	}
	return f.Name(), f.Close()
}

// keepOwner gives a file the owner and mode of the one that it replaces, if there is
// one: root may run a command on the file of a server that is not.
func keepOwner(old, temp string) error {
	info, err := os.Stat(old)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(temp, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return os.Chmod(temp, info.Mode().Perm())
}

// LeftOver tells whether a file of that name is what a crash has left of a backup
// or of a command that writes a new file, and how that one was to be named.
func LeftOver(name string) (of string, ok bool) {
	of, isTemp := strings.CutSuffix(name, ".tmp")
	of, hidden := strings.CutPrefix(of, ".")
	i := strings.LastIndexByte(of, '.')
	if !isTemp || !hidden || i <= 0 || i+1 == len(of) || strings.Trim(of[i+1:], "0123456789") != "" {
		return "", false
	}
	return of[:i], true
}

func removeLeftOvers(path string) error {
	folder := filepath.Dir(path)
	entries, err := os.ReadDir(folder)
	for _, e := range entries {
		if of, ok := LeftOver(e.Name()); ok && of == filepath.Base(path) && e.Type().IsRegular() {
			err = errors.Join(err, os.Remove(filepath.Join(folder, e.Name())))
		}
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

// checkKeys reads every page of a file, and compares how many keys it has.
func checkKeys(path string, want int) error {
	db, err := openUnchanged(path, true)
	if err != nil {
		return err
	}
	var got int
	err = guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			got = rootOf(tx).Stats().KeyN
			return nil
		})
	})
	if err == nil && got != want {
		err = fmt.Errorf("%w: the copy has %d keys of %d", ErrDamaged, got, want)
	}
	return errors.Join(err, db.Close())
}
