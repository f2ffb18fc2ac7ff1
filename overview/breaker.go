package overview

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// slowShare is the part of the query budget from which a failure of vmselect is
// remembered. One that comes sooner may as well be met again.
const slowShare = 20

// breaker remembers what vmselect has failed slowly at, so that one answer waits for
// it in an outage, not each. A year may be too much for a vmselect that answers for a
// month, so windows are told apart by their number of months: a failure holds for
// windows of as many and more, an answer for windows of as many and fewer. Presence has
// less time than everything: that it was too slow says nothing of everything.
type breaker struct {
	mu       sync.Mutex
	troubles map[size]*trouble
}

// size is how much is asked of vmselect.
type size struct {
	months int
	scope  scope
}

// trouble stays as long as somebody probes.
type trouble struct {
	err error // nil: vmselect has answered meanwhile
	// probe is what is asked next: what was refused last, since a single window may
	// be too much too.
	probe inquiry
}

// inquiry is what vmselect is asked.
type inquiry struct {
	window window
	scope  scope
}

func (a inquiry) size() size { return size{a.window.months(), a.scope} }

// refuse returns why something is not asked now, nil if it is.
func (b *breaker) refuse(a inquiry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.cause(a.size())
	if t == nil {
		return nil
	}
	if own, ok := b.troubles[a.size()]; ok {
		own.probe = a
	}
	return fmt.Errorf("overview: vmselect failed before and is not asked now: %w", t.err)
}

// Resting returns why vmselect is left alone for now, since it has failed slowly at a month;
// nil where it is asked.
func (o *Overview) Resting() error {
	o.breaker.mu.Lock()
	defer o.breaker.mu.Unlock()
	if t := o.breaker.cause(size{1, everything}); t != nil {
		return t.err
	}
	return nil
}

// cause returns the trouble with the least of what there is trouble with at a size,
// nil if there is none.
func (b *breaker) cause(s size) *trouble {
	for months := 1; months <= s.months; months++ {
		for _, scope := range []scope{everything, s.scope} {
			if t := b.troubles[size{months, scope}]; t != nil && t.err != nil {
				return t
			}
		}
	}
	return nil
}

// fail notes a slow failure. It returns true if somebody has to probe.
func (b *breaker) fail(a inquiry, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t, ok := b.troubles[a.size()]; ok {
		t.err = err
		return false
	}
	if b.troubles == nil {
		b.troubles = map[size]*trouble{}
	}
	b.troubles[a.size()] = &trouble{err, a}
	return true
}

// succeed notes that vmselect has answered in time.
func (b *breaker) succeed(a inquiry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s, t := range b.troubles {
		if s.months <= a.window.months() && s.scope == a.scope {
			t.err = nil
		}
	}
}

// next returns what to ask for a size. It is done when there is no trouble with it any
// more, and not ok while there is one with less.
func (b *breaker) next(s size) (a inquiry, ok, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.troubles[s]
	if t.err == nil {
		delete(b.troubles, s)
		return a, false, true
	}
	return t.probe, b.cause(s) == t, false
}

// patience is how long a query may take of an inquiry that is answered in time. The
// two of presence are asked at once, the six of everything in two rounds. The rest is
// for what goes on around them.
func (o *Overview) patience(s scope) time.Duration {
	if s == presence {
		return o.cfg.QueryBudget / uniqueShare * 9 / 10
	}
	return o.cfg.QueryBudget / 2 * 9 / 10
}

// judge tells the breaker how an inquiry has ended, of which one query took the
// longest. cut is set where its time was over. That says nothing of vmselect if the
// time went by elsewhere: on waiting for a place, or on other months.
func (o *Overview) judge(a inquiry, longest time.Duration, cut bool, err error) {
	tooLong := longest >= o.patience(a.scope)
	switch {
	case err == nil && !tooLong:
		o.breaker.succeed(a)
	case err == nil, o.base.Err() != nil: // the latter: the server is going down
	case tooLong, !cut && longest >= o.cfg.QueryBudget/slowShare:
		if o.breaker.fail(a, err) {
			_ = o.tasks.Start(func() { o.probe(a.size()) }) // fails after Close alone
		}
	}
}

// probe asks vmselect for a size, until it has answered in time or the server goes
// down. Longer windows are dear to ask, so they are asked less often.
func (o *Overview) probe(s size) {
	for {
		select {
		case <-o.base.Done():
			return
		case <-time.After(o.cfg.ProbeEvery * time.Duration(s.months)):
		}
		a, ok, done := o.breaker.next(s)
		if done {
			return
		}
		if ok {
			asking, cancel := context.WithTimeout(o.base, o.cfg.QueryBudget)
			_, _ = o.inquire(asking, a, o.exclusions()) // the breaker and the log are told
			cancel()
		}
	}
}
