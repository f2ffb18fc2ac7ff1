package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

// lockTimeout is how long Open waits for another process to let go of the file:
// long enough for a restart to overlap, short enough to be told soon.
const lockTimeout = time.Second

// initialMmapSize is the address space reserved for the file. While the file is
// smaller, growing it needs no new mapping. For one, the writer would wait until
// no one reads, a backup too, and all who want to read would wait for the writer.
const initialMmapSize = 64 << 30

// openFile opens the file for reading and writing, or creates it where there is
// none. A file that can't be used is left exactly as it is.
func openFile(path string) (*bolt.DB, error) {
	missing, err := checkFile(path)
	if err == nil && missing {
		err = createFile(path)
	}
	if err != nil {
		return nil, err
	}
	db, err := openInPlace(path, false)
	if err != nil {
		return nil, err
	}
	// The commit, even if nothing is to migrate, shows that the file takes commits.
	if err = guard(func() error { return db.Update(func(tx *bolt.Tx) error { return migrate(tx, migrations()) }) }); err != nil {
		return nil, errors.Join(fmt.Errorf("store: write %s: %w%s", path, err, dberrors.Remedy(err)), db.Close())
	}
	return db, nil
}

// createFile makes a new database. A crash leaves no half-made one behind, which the
// next start would have to refuse.
func createFile(path string) error {
	path = filepath.Clean(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store: create the folder of %s: %w%s", path, err, dberrors.Remedy(err))
	}
	// Where another server was quicker, its file is the one to open.
	if err := durable.Create(path, fillFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("store: create %s: %w%s", path, err, dberrors.Remedy(err))
	}
	return nil
}

// fillFile makes a new, empty database under a name that is not used.
func fillFile(path string) error {
	db, err := openBolt(path, false)
	if err != nil {
		return err
	}
	return errors.Join(db.Update(createSchema), db.Close())
}

// checkFile looks at the file without changing a byte of it. It reports whether
// there is none yet.
func checkFile(path string) (missing bool, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("store: %w%s", err, dberrors.Remedy(err))
	case info.IsDir():
		return false, fmt.Errorf("store: %s: %w: it is a folder; name a file", path, dberrors.ErrForeign)
	case info.Size() == 0:
		// bbolt would make a new database of it, and hide that one was lost.
		return false, fmt.Errorf("store: %s: %w: it is empty; restore a backup, or remove the file to start anew", path, dberrors.ErrDamaged)
	}
	db, err := openBolt(path, true)
	if err != nil {
		return false, err
	}
	err = guard(func() error {
		return db.View(func(tx *bolt.Tx) error {
			// Size is the high-water mark of pages; behind it lies unused space only.
			if tx.Size() > info.Size() {
				return fmt.Errorf("%w: it ends after %d of %d bytes", dberrors.ErrDamaged, info.Size(), tx.Size())
			}
			if err := checkSchema(tx); err != nil {
				return err
			}
			return checkPages(tx)
		})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return false, fmt.Errorf("store: %s: %w%s", path, err, dberrors.Remedy(err))
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

// maxDepth is how deep buckets lie in each other: days, a day, a product, records.
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

func openBolt(path string, readOnly bool) (db *bolt.DB, err error) {
	err = guard(func() error {
		db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout:         lockTimeout,
			ReadOnly:        readOnly,
			FreelistType:    bolt.FreelistMapType,
			NoFreelistSync:  true,
			InitialMmapSize: initialMmapSize,
		})
		return err
	})
	switch {
	case err == nil:
		return db, nil
	case errors.Is(err, bolterrors.ErrTimeout):
		err = dberrors.ErrLocked
	case errors.Is(err, bolterrors.ErrInvalid) && hasPages(path):
		err = fmt.Errorf("%w: both of its first pages are lost (%w)", dberrors.ErrDamaged, err)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrVersionMismatch):
		err = fmt.Errorf("%w (%w)", dberrors.ErrForeign, err)
	case errors.Is(err, bolterrors.ErrChecksum):
		err = fmt.Errorf("%w (%w)", dberrors.ErrDamaged, err)
	case !errors.Is(err, dberrors.ErrDamaged) && !errors.As(err, new(syscall.Errno)):
		// bbolt's own words, such as for a file cut off behind its first page.
		err = fmt.Errorf("%w (%w)", dberrors.ErrDamaged, err)
	}
	return nil, fmt.Errorf("store: open %s: %w%s", path, err, dberrors.Remedy(err))
}

// hasPages tells whether a file has a page of bbolt behind the two meta pages,
// which name the file's format: without them it still is one of bbolt's. A page
// begins with its own number and its kind.
func hasPages(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 10)
	for number := range uint64(64) {
		if _, err := f.ReadAt(head, int64(number)*int64(os.Getpagesize())); err != nil {
			return false
		}
		own, kind := binary.NativeEndian.Uint64(head), binary.NativeEndian.Uint16(head[8:])
		if number > 1 && own == number && (kind == 1 || kind == 2 || kind == 0x10) {
			return true
		}
	}
	return false
}

// SetAside renames a file that can't be used, as Open has found, so that a new
// one can take its place: telemetry.db becomes
// telemetry.db.damaged-20260301T120000Z, after the time now. It returns the new
// name. It never replaces a file, and it is durable when it returns.
func SetAside(path string, now time.Time) (string, error) {
	aside := path + ".damaged-" + now.UTC().Format("20060102T150405Z")
	// A link fails where a rename would replace.
	err := os.Link(path, aside)
	if err == nil {
		err = errors.Join(os.Remove(path), durable.SyncFolder(filepath.Dir(path)))
	}
	if err != nil {
		return "", fmt.Errorf("store: set %s aside: %w%s", path, err, dberrors.Remedy(err))
	}
	return aside, nil
}
