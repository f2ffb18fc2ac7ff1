package store

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxBatch bounds how many requests one transaction takes.
const maxBatch = 512

// request is what a caller wants in the next transaction: a report with its
// lines to forward, blocks to take out of the queue, or any other change.
type request struct {
	report *rollup.Report
	lines  []byte
	remove []rollup.Block
	apply  func(tx *bolt.Tx, dicts *dictionaryCache) error
	// shrinks is set if the request only removes: it is carried out in a full file
	// too.
	shrinks bool
	// err is the outcome. The writer sets it before it closes done.
	err  error
	done chan struct{}
}

// submit hands a request to the writer and waits for its commit. When ctx ends
// first, the request may still be committed.
func (s *Store) submit(ctx context.Context, r *request) error {
	r.done = make(chan struct{})
	if err := s.send(ctx, r); err != nil {
		return err
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Store) send(ctx context.Context, r *request) error {
	if s.readOnly {
		return ErrReadOnly
	}
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return ErrClosed
	}
	select {
	case s.requests <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// update runs one change in the writer's next transaction.
func (s *Store) update(ctx context.Context, apply func(tx *bolt.Tx) error) error {
	return s.submit(ctx, &request{apply: func(tx *bolt.Tx, _ *dictionaryCache) error { return apply(tx) }})
}

// writer is the one goroutine that changes the file.
type writer struct {
	store *Store
	// dicts are the dictionaries of the partitions written last, as the file has
	// them. They are dropped when a commit fails, for then it is unknown whether
	// the file has what the transaction added.
	dicts dictionaryCache
	// recent knows the reports that need not be merged again. It is dropped with
	// the dictionaries.
	recent *recentCache
	blocks *blockEncoder
}

func newWriter(s *Store) (*writer, error) {
	blocks, err := newBlockEncoder()
	w := &writer{store: s, recent: newRecentCache(), blocks: blocks}
	w.dicts.limits = limits{Bounds: s.opts.Bounds, dictionary: s.opts.Dictionary, lasting: s.opts.Lasting}
	return w, err
}

// run commits requests until the channel is closed and empty.
func (w *writer) run() {
	defer close(w.store.done)
	var batch []*request
	for first := range w.store.requests {
		batch = append(batch[:0], first)
		batch = w.takeWaiting(batch)
		w.commit(batch)
		for i, r := range batch {
			close(r.done)
			batch[i] = nil
		}
	}
}

// takeWaiting adds what has queued up already.
func (w *writer) takeWaiting(batch []*request) []*request {
	for len(batch) < maxBatch {
		select {
		case r, ok := <-w.store.requests:
			if !ok {
				return batch
			}
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// commit applies a batch in one transaction and sets every request's outcome. If
// the file is full, what only removes is applied once more without the rest: it
// must not fail with those that wait for the room it makes.
func (w *writer) commit(batch []*request) {
	err := w.transact(batch)
	shrinking := onlyShrinking(batch)
	again := errors.Is(err, ErrFull) && 0 < len(shrinking) && len(shrinking) < len(batch)
	for _, r := range batch {
		if !again || !r.shrinks {
			r.err = errors.Join(r.err, err)
		}
	}
	if again {
		w.commit(shrinking)
	}
}

func onlyShrinking(batch []*request) (shrinking []*request) {
	for _, r := range batch {
		if r.shrinks {
			shrinking = append(shrinking, r)
		}
	}
	return shrinking
}

// transact applies a batch in one transaction and tells of it.
func (w *writer) transact(batch []*request) error {
	start := w.store.opts.Now()
	shrinks := len(onlyShrinking(batch)) == len(batch)
	w.bound(shrinks)
	w.dicts.limits.leftOut = 0
	var queued queueChange
	err := guard(func() error {
		return w.store.db.Update(func(tx *bolt.Tx) (err error) {
			queued, err = w.apply(tx, batch)
			return err
		})
	})
	w.store.changes.add(w.dicts.changed) // after an error too: it may be on disk
	clear(w.dicts.changed)
	commit := Commit{}
	if err != nil {
		w.dicts.drop()
		w.recent.drop()
		if errors.Is(err, bolterrors.ErrMaxSizeReached) {
			err = fmt.Errorf("%w of %d bytes", ErrFull, w.store.opts.MaxBytes)
		}
		err = fmt.Errorf("store: commit: %w", errors.Join(err, w.store.view(w.store.queue.load)))
	} else {
		w.store.queue.applied(queued)
		commit.LeftOut, commit.Unreadable = w.dicts.limits.leftOut, queued.unreadable
	}
	// That something could be removed does not show that there is room.
	if err != nil || !shrinks {
		w.store.health.set(err)
	}
	commit.Err = err
	for _, r := range batch {
		if r.report != nil {
			commit.Reports++
		}
	}
	commit.Duration = w.store.opts.Now().Sub(start)
	w.store.opts.OnCommit(commit)
	return err
}

// removalReserve is what is left of the file's bound for transactions that only
// remove: they too write the pages that they change anew, and bbolt joins a page
// that has become small with the next one.
const removalReserve = 2 * pieceBytes

// bound sets how large the next transaction may make the file.
func (w *writer) bound(shrinks bool) {
	if w.store.opts.MaxBytes == 0 {
		return
	}
	bound := w.store.opts.MaxBytes
	if !shrinks {
		bound -= removalReserve
	}
	w.store.db.MaxSize = int(max(bound, 1)) // 0 would be no bound
}

// apply makes a batch's changes. An error of it undoes them all. What a request
// finds damaged is its own error: it must not keep the others out. What it has
// done until then stays, for it only merges.
func (w *writer) apply(tx *bolt.Tx, batch []*request) (queueChange, error) {
	for _, r := range batch {
		if r.apply == nil {
			continue
		}
		err := r.apply(tx, &w.dicts)
		if err != nil && !errors.Is(err, ErrDamaged) {
			return queueChange{}, err
		}
		r.err = err
	}
	if err := w.record(tx, batch); err != nil {
		return queueChange{}, err
	}
	return w.enqueue(tx, batch)
}
