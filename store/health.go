package store

import (
	"context"
	"fmt"
	"sync"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// health remembers the last commit that failed, until a probe shows that there is
// room again. That some commit succeeds shows too little: it may have been small.
type health struct {
	mu  sync.Mutex
	err error
	// probing is the probe under way, nil if there is none.
	probing *attempt
}

// attempt is a try of what the file must take to be ready. err is set once done is
// closed.
type attempt struct {
	done chan struct{}
	err  error
}

func (h *health) failed(err error) {
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
const probeBytes = boltfile.PieceBytes

// Ready returns nil if the file takes commits. After a commit that failed it is an
// error until 4 MiB fit in one piece: Ready writes them and removes them again, so
// that it turns good once the cause is gone. It costs nothing otherwise, and while
// it is known that there is no room. All who ask meanwhile wait for the same try,
// which goes on when ctx ends.
func (s *Store) Ready(ctx context.Context) error {
	err := s.health.get()
	if s.isClosed() {
		err = dberrors.ErrClosed
	} else if err != nil {
		err = s.awaitProbe(ctx)
	}
	if err != nil {
		return fmt.Errorf("store: not ready: %w", err)
	}
	return nil
}

// awaitProbe waits for the probe under way, or starts one.
func (s *Store) awaitProbe(ctx context.Context) error {
	h := &s.health
	h.mu.Lock()
	p, failure := h.probing, h.err
	if p == nil {
		p = &attempt{done: make(chan struct{})}
		h.probing = p
		go func() {
			p.err = s.probe(context.WithoutCancel(ctx))
			h.probed(p, failure)
		}()
	}
	h.mu.Unlock()
	select {
	case <-p.done:
		return p.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// probed ends a probe. If it went well, the failure that it was for is forgotten,
// unless another one came meanwhile.
func (h *health) probed(p *attempt, failure error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p.err == nil && h.err == failure {
		h.err = nil
	}
	h.probing = nil
	close(p.done)
}

// probe writes what must fit and removes it. An empty commit would not do: it writes
// no page, so a full disk takes it.
func (s *Store) probe(ctx context.Context) error {
	err := s.update(ctx, func(tx *bolt.Tx) error {
		return tx.Bucket(layout.BucketMeta).Put(layout.KeyProbe, make([]byte, probeBytes))
	})
	if err != nil {
		return err
	}
	return s.remove(ctx, func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		return tx.Bucket(layout.BucketMeta).Delete(layout.KeyProbe)
	})
}
