package overview

import (
	"slices"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// keeper keeps what was folded for as long as the store says that nothing of it has
// changed: the figures of windows, and of the windows that end with one month the
// tables, so that what changes all the time is the only thing to fold anew. It
// folds one window at a time, since a fold uses all processors. The zero keeper is
// empty and ready.
type keeper struct {
	mu      sync.Mutex
	figures map[window]keptFigures

	// All tables are of one book, and of windows that end with the month to. changes
	// has what the store said of their months before they were read.
	to      rollup.MonthID
	book    *book
	changes map[rollup.MonthID]uint64
	// own has the month to alone, read at readAt without what excluding names; what was
	// read before it, in which clusters that have not changed are as they are now, is last.
	// runs have by their first month what lies before it.
	own, last *reading
	readAt    time.Time
	excluding string
	runs      map[rollup.MonthID]*table
}

type keptFigures struct {
	figures
	changes []uint64 // of each month
}

// sharedTime is how long a running month that was read serves the windows that end
// with it, though reports have come in: long enough for one answer to read it once.
// The first report of all is seen at once: that nothing is known is never kept.
const sharedTime = rollupsTTL / 4

// fold counts a window from the rollups. What was recorded before the call is seen;
// of a month that has not ended, all but the last quarter of a second.
func (o *Overview) fold(w window) (figures, error) {
	k, shared := &o.ended, time.Duration(0)
	if o.cfg.Now().Before(w.end()) {
		k, shared = &o.running, sharedTime
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	f, err := k.fold(o, w, shared)
	if err != nil && o.base.Err() == nil {
		o.cfg.Logger.Error().Err(err).Str("window", w.label()).Msg("the rollups can't be read")
	}
	return f, err
}

// unshare ends the sharing of the running month as it was read: the next window reads it anew.
func (k *keeper) unshare() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.readAt = time.Time{}
}

// changes returns what the store says of each month of a window.
func (o *Overview) changes(product string, w window) []uint64 {
	changes := make([]uint64, w.months())
	for i := range changes {
		changes[i] = o.store.Changes(product, w.from+rollup.MonthID(i))
	}
	return changes
}

func (k *keeper) fold(o *Overview, w window, shared time.Duration) (figures, error) {
	now, excluding := o.cfg.Now(), o.exclusions().Digest
	reach := w.reach(now, o.cfg.ConfirmDays)
	changes := o.changes(rollup.Cozystack, reach)
	if age := now.Sub(k.readAt); k.to == w.to && k.hasRead(excluding) && 0 <= age && age < shared {
		changes[len(changes)-1] = k.changes[w.to]
	}
	if kept, ok := k.figures[w]; ok && slices.Equal(kept.changes, changes) {
		return kept.figures, nil
	}
	k.forget(reach, changes, o.apps.Keep)
	k.excluding = excluding
	tables, err := k.tables(o, reach, changes)
	if err != nil {
		return figures{}, err
	}
	f := k.count(w, reach, o.cfg.ConfirmDays, tables)
	if k.figures == nil {
		k.figures = make(map[window]keptFigures)
	}
	k.figures[w] = keptFigures{f, changes}
	return f, nil
}

// hasRead tells whether the month to was read, under these exclusions, and had something.
func (k *keeper) hasRead(excluding string) bool {
	return k.own != nil && len(k.own.spans) > 0 && k.excluding == excluding
}

// count counts a window of the tables of its reach.
func (k *keeper) count(w, reach window, confirmDays int, tables []*table) figures {
	if w == reach {
		return k.book.count(w, confirmDays, tables...)
	}
	before, own := tables[0], tables[1]
	f := k.book.count(w, confirmDays, own)
	f.confirmed = k.book.young(before, own, f.days, confirmDays)
	return f
}

// forget drops what is of no use for a window.
func (k *keeper) forget(w window, changes []uint64, keep func(map[string]int64) map[string]int64) {
	stale := k.book == nil || k.to != w.to || k.book.later > manySeries // a flood that came bit by bit
	for i, now := range changes[:len(changes)-1] {
		then, ok := k.changes[w.from+rollup.MonthID(i)]
		stale = stale || ok && then != now
	}
	if stale {
		k.to, k.book, k.own, k.last = w.to, &book{keep: keep}, nil, nil
		k.changes, k.runs = make(map[rollup.MonthID]uint64), make(map[rollup.MonthID]*table)
	}
	if k.own != nil && k.changes[w.to] != changes[len(changes)-1] {
		k.own, k.last = nil, k.own
	}
}

// tables returns tables that together have a window.
func (k *keeper) tables(o *Overview, w window, changes []uint64) (all []*table, err error) {
	if k.own == nil {
		own, err := k.readOwn(o, w)
		if err != nil {
			return nil, err
		}
		k.own, k.last = own, nil
		k.readAt, k.changes[w.to] = o.cfg.Now(), changes[len(changes)-1]
	}
	if w.from == w.to {
		return []*table{k.own.table}, nil
	}
	run, err := k.run(o, w)
	if err != nil {
		return nil, err
	}
	for i, now := range changes[:len(changes)-1] {
		k.changes[w.from+rollup.MonthID(i)] = now
	}
	return []*table{run, k.own.table}, nil
}

// readOwn reads the month to. One that has ended is hardly ever read again: nothing is
// noted of it.
func (k *keeper) readOwn(o *Overview, w window) (*reading, error) {
	if o.cfg.Now().Before(w.end()) {
		return k.book.readAgain(o.base, o.store, w.to, k.last)
	}
	t, err := k.book.read(o.base, o.store.Fold, w.to)
	return &reading{table: t}, err
}

// run returns the table of a window's months but the last. It goes on from the
// longest one that there is.
func (k *keeper) run(o *Overview, w window) (t *table, err error) {
	begin := w.to
	for from, kept := range k.runs {
		if w.from <= from && from < begin {
			begin, t = from, kept
		}
	}
	for begin > w.from {
		begin--
		month, err := k.book.read(o.base, o.store.Fold, begin)
		if err != nil {
			return nil, err
		}
		if t == nil {
			t = month
		} else {
			t = join(t, month)
		}
	}
	k.runs[w.from] = t
	return t, nil
}
