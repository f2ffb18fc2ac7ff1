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
	return s.fold(ctx, folding{product: product, from: from, to: to, metrics: metrics, leaveOut: layout.ExcludedKeys, fn: undigested(fn)})
}

// FoldAll is Fold with what is excluded.
func (s *Store) FoldAll(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(instance string, months []rollup.Month) error,
) error {
	none := func(*bolt.Tx, string) map[string]struct{} { return nil }
	return s.fold(ctx, folding{product: product, from: from, to: to, metrics: metrics, leaveOut: none, fn: undigested(fn)})
}

func undigested(fn func(string, []rollup.Month) error) func(string, uint64, []rollup.Month) error {
	return func(instance string, _ uint64, months []rollup.Month) error { return fn(instance, months) }
}

// FoldChanged is Fold of one month, for who has kept what an earlier one has found. It
// calls known for each instance that has records, with a digest of them, and decodes only
// those of which known returns false: fn is then called, unless they have none of the
// metrics. Where the digest is the same as in an earlier call for that instance, product
// and month, so is what Fold says of it, whatever the metrics. Neither known nor fn is
// called while the other is.
//
// Of an instance whose records differ, digests are the same once in 2^64.
func (s *Store) FoldChanged(ctx context.Context, product string, month rollup.MonthID, metrics []string,
	known func(instance string, digest uint64) bool, fn func(instance string, digest uint64, m rollup.Month) error,
) error {
	return s.fold(ctx, folding{
		product: product, from: month, to: month, metrics: metrics, leaveOut: layout.ExcludedKeys,
		known: func(instance string, digest uint64) (bool, error) { return known(instance, digest), nil },
		fn: func(instance string, digest uint64, months []rollup.Month) error {
			return fn(instance, digest, months[0])
		},
	})
}

// folding says what is folded.
type folding struct {
	product  string
	from, to rollup.MonthID
	metrics  []string
	leaveOut func(tx *bolt.Tx, product string) map[string]struct{}
	known    func(instance string, digest uint64) (bool, error) // nil: nothing is
	fn       func(instance string, digest uint64, months []rollup.Month) error
}

func (s *Store) fold(ctx context.Context, f folding) error {
	parts := make(chan record.Range, foldWorkers())
	for _, keys := range record.Split(cap(parts)) {
		parts <- keys
	}
	close(parts)
	group, ctx := errgroup.WithContext(ctx)
	f.takeTurns(ctx)
	db, done := s.db.use() // the same for all, whatever file comes in its place
	defer done()
	start := func(work func(tx *bolt.Tx) error) {
		group.Go(func() error { return boltfile.Guard(func() error { return db.View(work) }) })
	}
	start(func(first *bolt.Tx) error {
		indexes, err := fold.Indexes(first, f.product, f.from, f.to, f.metrics)
		if err != nil {
			return err
		}
		seen, out, seed := first.ID(), f.leaveOut(first, f.product), s.db.seedOf(first)
		work := func(tx *bolt.Tx) error {
			if tx.ID() != seen {
				return nil // a commit has ended in between: it sees more than the first
			}
			for keys := range parts {
				w := fold.OpenWindow(tx, f.product, f.from, indexes, out)
				if f.known != nil {
					w.PassOver(seed, f.known)
				}
				if err := w.Run(ctx, keys, f.fn); err != nil {
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
		return fmt.Errorf("store: fold %s to %s: %w", f.from, f.to, err)
	}
	return nil
}

// takeTurns lets workers call fn and known one by one, and none after their first error or
// the end of ctx.
func (f *folding) takeTurns(ctx context.Context) {
	var turn sync.Mutex
	var failed error
	next := func(call func() error) error {
		turn.Lock()
		defer turn.Unlock()
		if failed == nil {
			failed = ctx.Err()
		}
		if failed == nil {
			failed = boltfile.Guard(call) // a panic is its first error too
		}
		return failed
	}
	fn, known := f.fn, f.known
	f.fn = func(instance string, digest uint64, months []rollup.Month) error {
		return next(func() error { return fn(instance, digest, months) })
	}
	if known != nil {
		f.known = func(instance string, digest uint64) (is bool, err error) {
			err = next(func() (err error) {
				is, err = known(instance, digest)
				return err
			})
			return is, err
		}
	}
}
