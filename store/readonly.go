package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	bolt "go.etcd.io/bbolt"
)

// OpenReadOnly opens a file for offline work. Nothing of the file is changed, and
// none is created. Others may read it at the same time; a server can't start on it
// meanwhile. All reads work; writes return ErrReadOnly.
//
// It fails like Open, and with fs.ErrNotExist where there is no file.
func OpenReadOnly(path string) (*Store, error) {
	db, err := openUnchanged(path, true)
	if err != nil {
		return nil, err
	}
	s, err := newReader(db, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: read %s: %w%s", path, err, offlineRemedy(err)), db.Close())
	}
	return s, nil
}

// newReader returns a Store without a writer.
func newReader(db *bolt.DB, path string) (*Store, error) {
	s := &Store{
		db:       db,
		path:     path,
		opts:     Options{}.withDefaults(),
		readOnly: true,
		copying:  make(chan struct{}, 1),
		folding:  make(chan struct{}, 1),
		requests: make(chan *request),
		done:     make(chan struct{}),
	}
	close(s.done)
	s.queue.init()
	return s, s.view(s.load)
}

// openUnchanged opens an existing file of ours. With
// shared, others may read the file too; else no one can open it meanwhile.
func openUnchanged(path string, shared bool) (*bolt.DB, error) {
	missing, err := checkFile(path)
	if missing {
		return nil, missingFile(path)
	}
	var db *bolt.DB
	if err == nil {
		db, err = openInPlace(path, shared)
	}
	if errors.Is(err, dberrors.ErrLocked) || errors.Is(err, dberrors.ErrForeign) {
		// The remedies of a server are not those of a command.
		err = fmt.Errorf("store: open %s: %w%s", path, errors.Join(sentinels(err)...), offlineRemedy(err))
	}
	return db, err
}

// missingFile is the error of a file to read that is not there.
func missingFile(path string) error {
	return fmt.Errorf("store: open %s: %w; name the file that a server has as --db-path, or a copy", path, fs.ErrNotExist)
}

// sentinels returns which of the errors of Open an error is.
func sentinels(err error) (is []error) {
	for _, e := range []error{dberrors.ErrLocked, dberrors.ErrForeign} {
		if errors.Is(err, e) {
			is = append(is, e)
		}
	}
	return is
}

// openInPlace opens a file and makes sure that it is still the one of that name.
// Whoever waits for the lock of a file that is being replaced would else get the
// old one, which no one will find again.
func openInPlace(path string, readOnly bool) (*bolt.DB, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	db, err := openBolt(path, readOnly)
	if err != nil {
		return nil, err
	}
	after, err := os.Stat(path)
	if err == nil && !os.SameFile(before, after) {
		err = fmt.Errorf("store: open %s: %w: it was just replaced; try again", path, dberrors.ErrLocked)
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// offlineRemedy returns what a user of an offline command can do about an error.
func offlineRemedy(err error) string {
	switch {
	case errors.Is(err, dberrors.ErrLocked):
		return "; a server has the file open: make a copy with `cozy-telemetry-server backup`, or stop it"
	case errors.Is(err, dberrors.ErrForeign):
		return "; name the file that a server has as --db-path"
	}
	return dberrors.Remedy(err)
}
