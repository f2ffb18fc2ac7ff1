package store

import (
	"context"
	"fmt"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// health remembers how the last commit ended.
type health struct {
	mu  sync.Mutex
	err error
}

func (h *health) set(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

func (h *health) get() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// probeBytes is how much room a file must have to be called ready once it was
// full.
const probeBytes = pieceBytes

// Ready returns nil if the file takes commits. After a commit that failed it
// writes something and removes it again, so that it turns good once the cause is
// gone; otherwise it costs nothing.
func (s *Store) Ready(ctx context.Context) error {
	err := s.health.get()
	if s.isClosed() {
		err = ErrClosed
	} else if err != nil {
		// An empty commit would not do: it writes no page, so a full disk takes it.
		err = s.probe(ctx)
	}
	if err != nil {
		return fmt.Errorf("store: not ready: %w", err)
	}
	return nil
}

func (s *Store) probe(ctx context.Context) error {
	err := s.update(ctx, func(tx *bolt.Tx) error {
		return tx.Bucket(bucketMeta).Put(keyProbe, make([]byte, probeBytes))
	})
	if err != nil {
		return err
	}
	return s.update(ctx, func(tx *bolt.Tx) error { return tx.Bucket(bucketMeta).Delete(keyProbe) })
}
