package store

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// Whoever asks and goes away, before the disk has answered, leaves a probe that
// goes on: else nothing would ever show that the cause is gone.
func TestProbeOutlivesWhoAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Options{})
		s.health.failed(errors.New("a commit failed"))
		release := holdWriter(t, s)
		ctx, cancel := context.WithCancel(t.Context())
		var askers sync.WaitGroup
		for range 3 {
			askers.Go(func() {
				if err := s.Ready(ctx); !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			})
		}
		synctest.Wait()
		if n := len(s.requests); n != 1 {
			t.Errorf("%d probes wait for the writer", n)
		}
		cancel()
		askers.Wait()
		release()
		synctest.Wait()
		if err := s.health.get(); err != nil {
			t.Errorf("it is not noticed that there is room: %v", err)
		}
		must(t, s.view(func(tx *bolt.Tx) error {
			if v := tx.Bucket(layout.BucketMeta).Get(layout.KeyProbe); v != nil {
				t.Errorf("%d bytes of the probe are left", len(v))
			}
			return nil
		}))
	})
}
