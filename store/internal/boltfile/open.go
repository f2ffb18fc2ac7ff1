package boltfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// lockTimeout is how long Open waits for another process to let go of the file:
// long enough for a restart to overlap, short enough to be told soon.
const lockTimeout = time.Second

// initialMmapSize is the address space reserved for the file. While the file is
// smaller, growing it needs no new mapping. For one, the writer would wait until
// no one reads, a backup too, and all who want to read would wait for the writer.
const initialMmapSize = 64 << 30

// Open opens a file, or makes one. What it returns says what is wrong in the words of
// dberrors.
func Open(path string, readOnly bool) (db *bolt.DB, err error) {
	err = Guard(func() error {
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
	return nil, fmt.Errorf("open %s: %w", path, err)
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

// OpenInPlace opens a file and makes sure that it is still the one of that name.
// Whoever waits for the lock of a file that is being replaced would else get the
// old one, which no one will find again.
func OpenInPlace(path string, readOnly bool) (*bolt.DB, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	db, err := Open(path, readOnly)
	if err != nil {
		return nil, err
	}
	after, err := os.Stat(path)
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("open %s: %w: it was just replaced", path, dberrors.ErrLocked)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// OpenUnchanged opens an existing file that Check finds good. With shared, others may
// read the file too; else no one can open it meanwhile. Where there is none it returns
// fs.ErrNotExist.
func OpenUnchanged(path string, shared bool, ours func(tx *bolt.Tx) error) (*bolt.DB, error) {
	missing, err := Check(path, ours)
	if err != nil {
		return nil, err
	}
	if missing {
		return nil, fmt.Errorf("open %s: %w", path, fs.ErrNotExist)
	}
	return OpenInPlace(path, shared)
}
