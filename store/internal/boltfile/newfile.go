package boltfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

// Create makes a database file that gets its name only when it is durable and
// checked: it is ours, as the one who calls tells, and has as many keys as fill says.
func Create(path string, ours func(tx *bolt.Tx) error, fill func(temp string) (keys int, err error)) error {
	return durable.Create(path, func(temp string) error { return fillChecked(temp, ours, fill) })
}

// Replace does the same in place of a file, whose owner and mode it keeps. finish, unless
// nil, is called at the very end, with the checked file.
func Replace(path string, ours func(tx *bolt.Tx) error, fill func(temp string) (keys int, err error), finish func(temp string) error) error {
	return durable.Replace(path, func(temp string) error {
		if err := fillChecked(temp, ours, fill); err != nil {
			return err
		}
		if err := keepOwner(path, temp); err != nil || finish == nil {
			return err
		}
		return finish(temp)
	})
}

func fillChecked(temp string, ours func(tx *bolt.Tx) error, fill func(temp string) (keys int, err error)) error {
	keys, err := fill(temp)
	if err != nil {
		return err
	}
	return checkKeys(temp, ours, keys)
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

// checkKeys reads every page of a file, and compares how many keys it has.
func checkKeys(path string, ours func(tx *bolt.Tx) error, want int) error {
	db, err := OpenUnchanged(path, true, ours)
	if err != nil {
		return err
	}
	var got int
	err = Guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			got = Root(tx).Stats().KeyN
			return nil
		})
	})
	if err == nil && got != want {
		err = fmt.Errorf("%w: the copy has %d keys of %d", dberrors.ErrDamaged, got, want)
	}
	return errors.Join(err, db.Close())
}
