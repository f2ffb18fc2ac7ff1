package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Survey tells what the file has of a selection: what Forget would remove. It fails with
// *rewrite.ErrInseparable where Forget would.
func (s *Store) Survey(ctx context.Context, sel rollup.Selection) (found rewrite.Found, err error) {
	err = s.view(func(tx *bolt.Tx) (err error) {
		found, err = rewrite.Survey(ctx, tx, sel)
		return err
	})
	if err != nil {
		return rewrite.Found{}, fmt.Errorf("store: %w", err)
	}
	return found, nil
}

// Forgotten returns what the file notes of those who were forgotten, the oldest first.
func (s *Store) Forgotten() (notes []rollup.Forgotten, err error) {
	err = s.view(func(tx *bolt.Tx) (err error) {
		notes, err = record.DecodeForgotten(tx.Bucket(layout.BucketMeta).Get(layout.KeyForgotten))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return notes, nil
}

// Forget is [rewrite.Forget] for a file that goes on taking reports: a new file is made of
// a transaction, while reports come in. Then the writer stands still, for as long as it
// takes to add what came meanwhile: reports wait, and paused is how long. Whatever happens, the file of that name is the old one or the new one, whole.
//
// What is read goes on in the old file, which is closed when the last reader is done with
// it: a backup that has begun before still has what is forgotten. A report of what is
// forgotten that comes later makes it known again. Retention waits meanwhile.
func (s *Store) Forget(ctx context.Context, sel rollup.Selection, progress func(done, total int64)) (found rewrite.Found, paused time.Duration, err error) {
	select {
	case s.pruning <- struct{}{}:
		defer func() { <-s.pruning }()
	case <-ctx.Done():
		return found, 0, ctx.Err()
	}
	swap := fileSwap{ctx: ctx, store: s, sel: sel, progress: progress}
	closeOld := func() error { return nil }
	err = s.view(func(base *bolt.Tx) (err error) {
		closeOld, err = swap.run(base)
		return err
	})
	if err = errors.Join(err, closeOld()); err != nil {
		return swap.found, 0, fmt.Errorf("store: forget in %s: %w%s", s.path, err, dberrors.Remedy(err))
	}
	return swap.found, swap.paused, nil
}

// fileSwap makes a file without a selection, and puts it in the place of a Store's.
type fileSwap struct {
	ctx      context.Context
	store    *Store
	sel      rollup.Selection
	progress func(done, total int64)

	found  rewrite.Found
	paused time.Duration
	work   *rewrite.Forgetting
	resume func(change func(w *writer)) // nil while the writer has not been stopped
	into   *bolt.DB                     // nil until it is complete
	file   os.FileInfo                  // of into
}

// run returns what closes the old file, of which base is a transaction.
func (f *fileSwap) run(base *bolt.Tx) (closeOld func() error, err error) {
	closeOld = func() error { return nil }
	path := f.store.path
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	f.work = rewrite.NewForgetting(f.ctx, base, f.sel, f.store.opts.Now(), f.progress)
	err = boltfile.Replace(path, layout.CheckSchema, f.work.Make, f.finish)
	switch {
	case f.into != nil && f.hasName(path):
		// An error now is of what came after: the new file has the name.
		f.found = f.work.Found()
		f.resume(func(w *writer) { closeOld = w.takeOver(f.into, f.work.Months()) })
	case f.into != nil:
		err = errors.Join(err, f.into.Close())
		f.resume(nil)
	case f.resume != nil:
		f.resume(nil)
	}
	return closeOld, err
}

// finish stops the writer and adds to the new file what came meanwhile. From here until
// the writer goes on, nobody closes days.
func (f *fileSwap) finish(temp string) error {
	leave, err := f.store.enter(f.ctx)
	if err != nil {
		return err
	}
	resume, err := f.store.pause(f.ctx)
	if err != nil {
		leave()
		return err
	}
	begun := f.store.opts.Now()
	f.resume = func(change func(w *writer)) {
		resume(change)
		leave()
		f.paused = f.store.opts.Now().Sub(begun)
	}
	if f.file, err = os.Stat(temp); err != nil {
		return err
	}
	return f.store.view(func(live *bolt.Tx) (err error) {
		f.into, err = f.work.CatchUp(temp, live)
		return err
	})
}

// hasName tells whether the new file has got the name, whatever came after.
func (f *fileSwap) hasName(path string) bool {
	named, err := os.Stat(path)
	return err == nil && os.SameFile(named, f.file)
}

// pause lets the writer stand still, once it has committed what it has taken. resume lets
// it go on, with a change of the writer before that, unless nil, and returns when that is
// made.
func (s *Store) pause(ctx context.Context) (resume func(change func(w *writer)), err error) {
	still, changes := make(chan struct{}), make(chan func(w *writer))
	r := &request{shrinks: true, after: func(w *writer) {
		close(still)
		if change := <-changes; change != nil {
			change(w)
		}
	}, done: make(chan struct{})}
	if err := s.send(ctx, r); err != nil {
		return nil, err
	}
	resume = func(change func(w *writer)) {
		changes <- change
		<-r.done
	}
	select {
	case <-still:
		return resume, nil
	case <-ctx.Done():
		go resume(nil)
		return nil, ctx.Err()
	}
}
