package store

import (
	"errors"
	"fmt"
	"io/fs"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// OpenReadOnly opens a file for offline work. Nothing of the file is changed, and
// none is created. Others may read it at the same time; a server can't start on it
// meanwhile. All reads work; writes return ErrReadOnly.
//
// It fails like Open, and with fs.ErrNotExist where there is no file.
func OpenReadOnly(path string) (*Store, error) {
	db, err := openOffline(path, true)
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
		db:          db,
		path:        path,
		opts:        Options{}.withDefaults(),
		readOnly:    true,
		copying:     make(chan struct{}, 1),
		closingDays: make(chan struct{}, 1),
		requests:    make(chan *request),
		done:        make(chan struct{}),
	}
	close(s.done)
	s.queue.init()
	return s, s.view(s.load)
}

// openOffline opens an existing file of ours, as boltfile.OpenUnchanged does. The
// remedies of a command are not those of a server.
func openOffline(path string, shared bool) (*bolt.DB, error) {
	db, err := boltfile.OpenUnchanged(path, shared, layout.CheckSchema)
	if err != nil {
		return nil, fmt.Errorf("store: %w%s", err, offlineRemedy(err))
	}
	return db, nil
}

// offlineRemedy returns what a user of an offline command can do about an error.
func offlineRemedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "; name the file that a server has as --db-path, or a copy"
	case errors.Is(err, dberrors.ErrLocked):
		return "; a server has the file open: make a copy with `cozy-telemetry-server backup`, or stop it"
	case errors.Is(err, dberrors.ErrForeign):
		return "; name the file that a server has as --db-path"
	}
	return dberrors.Remedy(err)
}
