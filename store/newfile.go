package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

// newFile makes a database file that gets its name only when it is durable and
// checked. fill returns how many keys the file must have.
func newFile(path string, fill func(temp string) (keys int, err error)) error {
	return durable.Create(path, func(temp string) error { return fillChecked(temp, fill) })
}

// replaceFile does the same in place of a file, whose owner and mode it keeps.
func replaceFile(path string, fill func(temp string) (keys int, err error)) error {
	return durable.Replace(path, func(temp string) error {
		if err := fillChecked(temp, fill); err != nil {
			return err
		}
		return keepOwner(path, temp)
	})
}

func fillChecked(temp string, fill func(temp string) (keys int, err error)) error {
	keys, err := fill(temp)
	if err != nil {
		return err
	}
	return checkKeys(temp, keys)
}

// stageOf returns where a file lies that comes before an unfinished one.
func stageOf(temp string) string { return filepath.Join(filepath.Dir(temp), "stage") }

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
		err = fmt.Errorf("%w: the copy has %d keys of %d", dberrors.ErrDamaged, got, want)
	}
	return errors.Join(err, db.Close())
}
