package store

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// OpenReadOnly opens a file for offline work. Nothing of the file is changed, and
// none is created. Others may read it at the same time; a server can't start on it
// meanwhile. All reads work; writes return ErrReadOnly.
//
// It fails like Open, and with fs.ErrNotExist where there is no file.
func OpenReadOnly(path string) (*Store, error) {
	db, err := layout.OpenAtRest(path, true)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s, err := newReader(db, path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("store: read %s: %w%s", path, err, dberrors.RemedyAtRest(err)), db.Close())
	}
	return s, nil
}

// newReader returns a Store without a writer.
func newReader(db *bolt.DB, path string) (*Store, error) {
	s := &Store{
		db:          newLiveFile(db),
		path:        path,
		opts:        Options{}.withDefaults(),
		readOnly:    true,
		copying:     make(chan struct{}, 1),
		closingDays: make(chan struct{}, 1),
		pruning:     make(chan struct{}, 1),
		requests:    make(chan *request),
		done:        make(chan struct{}),
	}
	close(s.done)
	return s, s.view(s.load)
}
