package store

import (
	"context"
	"fmt"
	"sync"

	bolt "go.etcd.io/bbolt"
)

// health remembers the last commit that failed, until a probe shows that there is
// room again. That some commit succeeds shows too little: it may have been small.
type health struct {
	mu  sync.Mutex
	err error
}

func (h *health) failed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.err = err
}

// cured forgets an error, unless another one came meanwhile.
func (h *health) cured(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.err == err {
		h.err = nil
	}
}

func (h *health) get() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err
}

// probeBytes is how much room a file must have to be called ready once it was
// full.
const probeBytes = pieceBytes

// Ready returns nil if the file takes commits. After a commit that failed it is an
// error until 4 MiB fit in one piece: Ready writes them and removes them again, so
// that it turns good once the cause is gone. It costs nothing otherwise, and while
// it is known that there is no room.
func (s *Store) Ready(ctx context.Context) error {
	failure := s.health.get()
	err := failure
	if s.isClosed() {
		err = ErrClosed
	} else if failure != nil {
		// An empty commit would not do: it writes no page, so a full disk takes it.
		if err = s.probe(ctx); err == nil {
			s.health.cured(failure)
		}
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
	return s.remove(ctx, func(tx *bolt.Tx, _ *dictionaryCache) error { return tx.Bucket(bucketMeta).Delete(keyProbe) })
}
