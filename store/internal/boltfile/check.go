package boltfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// Check looks at a file without changing a byte of it: whether it is whole, and
// ours, as the one who calls tells. It reports whether there is none yet.
func Check(path string, ours func(tx *bolt.Tx) error) (missing bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, err
	case info.IsDir():
		return false, fmt.Errorf("%s: %w: it is a folder; name a file", path, dberrors.ErrForeign)
	case info.Size() == 0:
		// bbolt would make a new database of it, and hide that one was lost.
		return false, fmt.Errorf("%s: %w: it is empty", path, dberrors.ErrDamaged)
	}
	db, err := Open(path, true)
	if err != nil {
		return false, err
	}
	err = Guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			// Who had it open until now has perhaps made it larger.
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			// Size is the high-water mark of pages; behind it lies unused space only.
			if tx.Size() > info.Size() {
				return fmt.Errorf("%w: it ends after %d of %d bytes", dberrors.ErrDamaged, info.Size(), tx.Size())
			}
			if err := checkPages(tx, path); err != nil {
				return err
			}
			return ours(tx)
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	return false, nil
}

// checkPages reads every page in use, before bbolt follows any: it would panic over some
// damage, at a writer's opening in a goroutine of its own, where that ends the process, and
// go round for ever where pages lead back to themselves.
func checkPages(tx *bolt.Tx, path string) error {
	damage := ""
	err := walkPages(context.Background(), tx, path, func(text string) {
		if damage == "" {
			damage = text
		}
	})
	if err == nil && damage != "" {
		err = fmt.Errorf("%w: %s", dberrors.ErrDamaged, damage)
	}
	return err
}
