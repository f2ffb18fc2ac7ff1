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

// breaker remembers for which windows vmselect has failed slowly, so that one
// answer waits for it in an outage, not each. A year may be too much for a
// vmselect that answers for a month, so windows are told apart by their number of
// months: a failure holds for windows of as many and more, an answer for windows
// of as many and fewer.
type breaker struct {
	mu       sync.Mutex
	troubles map[int]*trouble // by the months of the window
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

// refuse returns why something is not asked now, nil if it is.
func (b *breaker) refuse(a inquiry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := a.window.months()
	for months, t := range b.troubles {
		if months > n || t.err == nil {
			continue
		}
		if months == n {
			t.probe = a
		}
		return fmt.Errorf("overview: vmselect failed before and is not asked now: %w", t.err)
	}
	return nil
}

// fail notes a slow failure. It returns true if somebody has to probe.
func (b *breaker) fail(a inquiry, err error) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := a.window.months()
	if t, ok := b.troubles[n]; ok {
		t.err = err
		return false
	}
	if b.troubles == nil {
		b.troubles = map[int]*trouble{}
	}
	b.troubles[n] = &trouble{err, a}
	return true
}

// succeed notes that vmselect has answered.
func (b *breaker) succeed(a inquiry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for months, t := range b.troubles {
		if months <= a.window.months() {
			t.err = nil
		}
	}
}

// next returns what to ask for windows of so many months. It is done when there
// is no trouble with them any more, and not ok while there is one with shorter
// ones.
func (b *breaker) next(months int) (a inquiry, ok, done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := b.troubles[months]
	if t.err == nil {
		delete(b.troubles, months)
		return a, false, true
	}
	for shorter, other := range b.troubles {
		if shorter < months && other.err != nil {
			return a, false, false
		}
	}
	return t.probe, true, false
}

// probe asks vmselect for windows of so many months, until it has answered or the
// server goes down. Longer windows are dear to ask, so they are asked less often.
func (o *Overview) probe(months int) {
	for {
		select {
		case <-o.base.Done():
			return
		case <-time.After(o.cfg.ProbeEvery * time.Duration(months)):
		}
		a, ok, done := o.breaker.next(months)
		if done {
			return
		}
		if ok {
			asking, cancel := context.WithTimeout(o.base, o.cfg.QueryBudget)
			_, _ = o.inquire(asking, a) // the breaker and the log are told
			cancel()
		}
	}
}
