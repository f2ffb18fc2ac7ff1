package store

import (
	"context"
	"fmt"
	"sync"
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

// Ready returns nil if the file takes commits. After a commit that failed it
// tries one that changes nothing, so that it turns good once the cause is gone;
// otherwise it costs nothing.
func (s *Store) Ready(ctx context.Context) error {
	if s.health.get() == nil {
		return nil
	}
	// An empty commit would not do: it writes no page, so a full disk takes it.
	if err := s.update(ctx, putSchemaVersion); err != nil {
		return fmt.Errorf("store: not ready: %w", err)
	}
	return nil
}
