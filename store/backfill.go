package store

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// Backfilled returns how far a backfill has come, as PutBackfilled stored it, nil
// if it never did.
func (s *Store) Backfilled() (marks []byte, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		marks = bytes.Clone(tx.Bucket(bucketMeta).Get(keyBackfill))
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("store: how far a backfill has come: %w", err)
	}
	return marks, nil
}

// PutBackfilled stores how far a backfill has come. The store does not look into
// it.
func (s *Store) PutBackfilled(ctx context.Context, marks []byte) error {
	err := s.update(ctx, func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keyBackfill, marks)
	})
	if err != nil {
		return fmt.Errorf("store: put how far a backfill has come: %w", err)
	}
	return nil
}
