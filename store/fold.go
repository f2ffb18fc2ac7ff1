package store

import (
	"context"
	"fmt"
	"runtime"
	"sync"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/fold"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// foldWorkers is how many goroutines a fold uses: it is bound by the processor.
func foldWorkers() int { return min(runtime.GOMAXPROCS(0), 8) }

// Fold calls fn once for every instance of a product that has any of the metrics
// between two months, both included, in no particular order, and never twice at
// the same time. months[i] is the fold of the instance's days in month from+i,
// restricted to the metrics; it is zero for a month without them. fn must not
// keep months or what they point to, except for the strings. An error of fn ends
// the walk and is returned, and a panic of fn is one of Fold; fn is not called
// again. What was recorded before the call is seen. nil metrics are all.
//
// Instances that are excluded are left out; [Store.FoldAll] has them too.
//
// Memory grows with the months' dictionaries, not with the instances: 8 bytes for
// each series, and some 50 beside its text for each that is of the metrics.
func (s *Store) Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(instance string, months []rollup.Month) error,
) error {
	return s.fold(ctx, product, from, to, metrics, layout.ExcludedKeys, fn)
}

// FoldAll is Fold with what is excluded.
func (s *Store) FoldAll(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(instance string, months []rollup.Month) error,
) error {
	return s.fold(ctx, product, from, to, metrics, func(*bolt.Tx, string) map[string]struct{} { return nil }, fn)
}

func (s *Store) fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	leaveOut func(tx *bolt.Tx, product string) map[string]struct{}, fn func(instance string, months []rollup.Month) error,
) error {
	parts := make(chan record.Range, foldWorkers())
	for _, keys := range record.Split(cap(parts)) {
		parts <- keys
	}
	close(parts)
	group, ctx := errgroup.WithContext(ctx)
	fn = oneByOne(ctx, fn)
	db, done := s.db.use() // the same for all, whatever file comes in its place
	defer done()
	start := func(work func(tx *bolt.Tx) error) {
		group.Go(func() error { return boltfile.Guard(func() error { return db.View(work) }) })
	}
	start(func(first *bolt.Tx) error {
		indexes, err := fold.Indexes(first, product, from, to, metrics)
		if err != nil {
			return err
		}
		seen, out := first.ID(), leaveOut(first, product)
		work := func(tx *bolt.Tx) error {
			if tx.ID() != seen {
				return nil // a commit has ended in between: it sees more than the first
			}
			for keys := range parts {
				if err := fold.OpenWindow(tx, product, from, indexes, out).Run(ctx, keys, fn); err != nil {
					return err
				}
			}
			return nil
		}
		// The first waits for no other: one that begins while bbolt waits to map a larger
		// file anew can't until the first has ended.
		for range cap(parts) - 1 {
			start(work)
		}
		return work(first)
	})
	err := boltfile.Surface(group.Wait())
	if err != nil {
		return fmt.Errorf("store: fold %s to %s: %w", from, to, err)
	}
	return nil
}

// oneByOne lets workers call fn in turns, and none after its first error or the
// end of ctx.
func oneByOne(ctx context.Context, fn func(string, []rollup.Month) error) func(string, []rollup.Month) error {
	var turn sync.Mutex
	var failed error
	return func(instance string, months []rollup.Month) error {
		turn.Lock()
		defer turn.Unlock()
		if failed == nil {
			failed = ctx.Err()
		}
		if failed == nil {
			failed = boltfile.Guard(func() error { return fn(instance, months) }) // a panic is its first error too
		}
		return failed
	}
}
