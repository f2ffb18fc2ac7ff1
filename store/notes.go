package store

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// AppList returns the list of applications as PutAppList stored it, nil if it
// never did.
func (s *Store) AppList() ([]byte, error) { return s.note(layout.KeyAppList) }

// PutAppList stores the list of applications. The store does not look into it.
func (s *Store) PutAppList(ctx context.Context, list []byte) error {
	return s.putNote(ctx, layout.KeyAppList, list)
}

// Backfilled returns how far a backfill has come, as PutBackfilled stored it, nil
// if it never did.
func (s *Store) Backfilled() ([]byte, error) { return s.note(layout.KeyBackfill) }

// PutBackfilled stores how far a backfill has come. The store does not look into
// it.
func (s *Store) PutBackfilled(ctx context.Context, marks []byte) error {
	return s.putNote(ctx, layout.KeyBackfill, marks)
}

// note returns what others have noted in the file under a key, nil for nothing.
func (s *Store) note(key []byte) (data []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		data = bytes.Clone(tx.Bucket(layout.BucketMeta).Get(key))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: read %q: %w", key, err)
	}
	return data, nil
}

func (s *Store) putNote(ctx context.Context, key, data []byte) error {
	err := s.update(ctx, func(tx *bolt.Tx) error { return tx.Bucket(layout.BucketMeta).Put(key, data) })
	if err != nil {
		return fmt.Errorf("store: put %q: %w", key, err)
	}
	return nil
}
