package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxBatch bounds how many requests one transaction takes.
const maxBatch = 512

// request is what a caller wants in the next transaction: a report with its
// lines to forward, blocks to take out of the queue, or any other change.
type request struct {
	report *rollup.Report
	lines  []byte
	// totals is set if the lines are those of a day, and the report is not one.
	totals bool
	remove []rollup.Block
	apply  func(tx *bolt.Tx, dicts *layout.Dictionaries) error
	// excludes is set if the request may change what figures leave out.
	excludes bool
	// shrinks is set if the request only removes: it is carried out in a full file
	// too.
	shrinks bool
	// after runs in the writer's goroutine once the request's transaction has ended, and
	// those who wait for that have been told.
	after func(w *writer)
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
		return dberrors.ErrReadOnly
	}
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return dberrors.ErrClosed
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
	return s.submit(ctx, &request{apply: func(tx *bolt.Tx, _ *layout.Dictionaries) error { return apply(tx) }})
}

// writer is the one goroutine that changes the file.
type writer struct {
	store *Store
	// dicts are the dictionaries of the partitions written last, as the file has
	// them. They are dropped when a commit fails, for then it is unknown whether
	// the file has what the transaction added.
	dicts layout.Dictionaries
	// recent knows the reports that need not be merged again. It is dropped then, too.
	recent *recentCache
	blocks *record.BlockEncoder
	room   boltfile.Room
}

func newWriter(s *Store) (*writer, error) {
	room, err := boltfile.OpenRoom(s.path)
	w := &writer{store: s, recent: newRecentCache(), blocks: record.NewBlockEncoder(), room: room}
	w.dicts.Limits = layout.Limits{
		Bounds: s.opts.Bounds, BoundsOf: s.opts.BoundsOf, Dictionary: s.opts.Dictionary, Lasting: s.opts.Lasting,
		Known: setOf(s.opts.Known), ConfirmDays: s.opts.ConfirmDays,
	}
	return w, err
}

func setOf(all []rollup.Series) map[rollup.Series]struct{} {
	set := make(map[rollup.Series]struct{}, len(all))
	for _, s := range all {
		set[s] = struct{}{}
	}
	return set
}

// takeOver puts another file in the place of the present one, with all that the writer
// knows of that. Some months are not what they were.
func (w *writer) takeOver(db *bolt.DB, months iter.Seq[layout.ProductMonth]) (closeOld func() error) {
	s := w.store
	closeOld = s.db.swap(db)
	w.dicts.Drop()
	w.recent.drop()
	s.changes.add(months) // before loadExcluded, as in excluded
	w.room.Close()
	room, err := boltfile.OpenRoom(s.path)
	err = errors.Join(err, s.view(func(tx *bolt.Tx) error { return errors.Join(s.queue.load(tx), s.loadExcluded(tx)) }))
	if err != nil {
		s.health.failed(err)
	}
	w.room = room
	return closeOld
}

// run commits requests until the channel is closed and empty.
func (w *writer) run() {
	defer close(w.store.done)
	defer w.room.Close()
	var batch []*request
	pace := pace{now: w.store.opts.Now}
	for first := range w.store.requests {
		batch = append(batch[:0], first)
		batch = w.takeWaiting(batch)
		batch = pace.gather(batch, w.store.requests)
		began, reports := w.store.opts.Now(), countOf(batch)
		w.commit(batch)
		pace.committed(reports, began)
		w.tell(batch)
	}
}

// tell lets those go on who wait for a batch, and then runs what is to come after it.
func (w *writer) tell(batch []*request) {
	for i, r := range batch {
		if r.after == nil {
			close(r.done)
			batch[i] = nil
		}
	}
	for i, r := range batch {
		if r != nil {
			r.after(w)
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
// it fails, what only removes is applied once more without the rest: it must not
// fail with those that wait for the room it makes. While it is known that there is
// no room, the rest is not even tried.
func (w *writer) commit(batch []*request) {
	adding, shrinking := split(batch)
	if len(adding) > 0 {
		err := w.admit()
		if err == nil {
			err = w.transact(batch, false)
		}
		if err == nil {
			return
		}
		fail(adding, err)
	}
	if len(shrinking) > 0 {
		fail(shrinking, w.transact(shrinking, true))
	}
}

// admit returns nil if what adds may find room.
func (w *writer) admit() error {
	used, err := w.store.SizeBytes()
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return w.room.Admit(used, w.store.opts.Now())
}

// fail adds an error, unless it is nil, to the outcome of requests.
func fail(requests []*request, err error) {
	for _, r := range requests {
		r.err = errors.Join(r.err, err)
	}
}

// split parts what adds from what only removes.
func split(batch []*request) (adding, shrinking []*request) {
	for _, r := range batch {
		if r.shrinks {
			shrinking = append(shrinking, r)
		} else {
			adding = append(adding, r)
		}
	}
	return adding, shrinking
}

// transact applies a batch in one transaction and tells of it. shrinks is set if
// all of it only removes.
func (w *writer) transact(batch []*request, shrinks bool) error {
	start := w.store.opts.Now()
	maxBytes := w.store.opts.MaxBytes
	db, done := w.store.db.use()
	defer done()
	db.MaxSize = w.room.Bound(maxBytes, shrinks)
	w.dicts.Limits.LeftOut = 0
	var queued queueChange
	err := boltfile.Guard(func() error {
		return db.Update(func(tx *bolt.Tx) (err error) {
			queued, err = w.apply(tx, batch)
			return err
		})
	})
	w.store.changes.add(maps.Keys(w.dicts.Changed)) // after an error too: it may be on disk
	clear(w.dicts.Changed)
	err = errors.Join(err, w.excluded(batch))
	commit := Commit{Reports: countOf(batch)}
	if err != nil {
		w.dicts.Drop()
		w.recent.drop()
		err = w.room.Cause(err, maxBytes, shrinks)
		err = fmt.Errorf("commit: %w", errors.Join(err, w.store.view(w.store.queue.load)))
		w.store.health.failed(err)
	} else {
		w.store.queue.applied(queued)
		commit.LeftOut, commit.Unreadable = w.dicts.Limits.LeftOut, queued.unreadable
	}
	now := w.store.opts.Now()
	commit.Duration = now.Sub(start)
	switch {
	case !shrinks:
		w.room.Tried(err, now, commit.Duration)
	case err == nil && freesPages(batch, queued):
		w.room.Freed()
	}
	if err != nil {
		commit.Err = fmt.Errorf("store: %w", err)
	}
	w.store.opts.OnCommit(commit)
	return err
}

// excluded makes what the Store says follow, if the batch may have changed what is
// excluded. Who then sees the new set sees that all months have changed, too.
func (w *writer) excluded(batch []*request) error {
	if !slices.ContainsFunc(batch, func(r *request) bool { return r.excludes }) {
		return nil
	}
	w.store.changes.addAll()
	return w.store.view(w.store.loadExcluded)
}

// freesPages tells whether a batch that only removes has removed something.
func freesPages(batch []*request, queued queueChange) bool {
	return queued.blocks < 0 || slices.ContainsFunc(batch, func(r *request) bool { return r.apply != nil })
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
		if err != nil && !errors.Is(err, dberrors.ErrDamaged) {
			return queueChange{}, err
		}
		r.err = err
	}
	if err := w.record(tx, batch); err != nil {
		return queueChange{}, err
	}
	if err := countReports(tx, batch); err != nil {
		return queueChange{}, err
	}
	return w.enqueue(tx, batch)
}
