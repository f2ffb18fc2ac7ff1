package boltfile

import (
	"bytes"
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
			if err := ours(tx); err != nil {
				return err
			}
			return checkPages(tx)
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	return false, nil
}

// checkPages visits every page in use, and looks every key up, so that each of a
// page's own keys is read too. bbolt does as much when it opens the file for
// writing, but in a goroutine of its own, and there a panic over a damaged page
// would end the process.
func checkPages(tx *bolt.Tx) error {
	return tx.ForEach(func(_ []byte, b *bolt.Bucket) error { return checkBucket(b, 1) })
}

// maxDepth is how deep buckets may lie in each other. Those of a server are: days, a
// day, a product, records.
const maxDepth = 4

func checkBucket(b *bolt.Bucket, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("%w: buckets lie in each other without end", dberrors.ErrDamaged)
	}
	c := b.Cursor()
	return b.ForEach(func(k, v []byte) error {
		if found, _ := c.Seek(k); len(k) > bolt.MaxKeySize || !bytes.Equal(found, k) {
			return fmt.Errorf("%w: key %.40x is out of place", dberrors.ErrDamaged, k)
		}
		if v != nil {
			return nil
		}
		return checkBucket(b.Bucket(k), depth+1)
	})
}
