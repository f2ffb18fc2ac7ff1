package overview

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// counted is what the better source says of a window.
type counted struct {
	figures
	source rollup.Source
	// at is when the source was read, until how long that may be used.
	at, until time.Time
	// asked: vmselect has answered, whether or not it was believed.
	asked bool
	// final: the window was closed when it was read, and the rollups were heard.
	// settled: so was vmselect, where there is one; the figures are the last ones.
	final, settled bool
}

// count asks both sources for all figures of a window. The error is ErrNoData
// if they know nothing, errUnseen if the one that could be asked knows nothing.
func (o *Overview) count(asking context.Context, w window) (counted, error) {
	closed := o.closed(w, o.cfg.Now())
	heard, vmErr := o.hear(asking, w, everything)
	now := o.cfg.Now()
	own, ownErr := o.fold(w)

	c := counted{figures: own, source: rollup.SourceRollups, at: now, until: now.Add(rollupsTTL)}
	if heard.value.known && heard.value.clusters >= own.clusters {
		c = counted{
			figures: heard.value, source: rollup.SourceVictoriaMetrics,
			at: heard.from, until: heard.from.Add(o.cfg.CurrentTTL),
		}
	}
	c.asked = o.vm != nil && vmErr == nil
	c.final = closed && ownErr == nil
	c.settled = c.final && vmErr == nil
	if c.settled {
		c.until = now.Add(forever)
	}
	if !c.known {
		if vmErr != nil || ownErr != nil {
			return c, fmt.Errorf("%w: %s: %w", errUnseen, w.label(), errors.Join(vmErr, ownErr))
		}
		return c, fmt.Errorf("%w: %s", ErrNoData, w.label())
	}
	return c, nil
}

// closed tells whether a window can't grow any more: it has ended, and the grace
// period too.
func (o *Overview) closed(w window, now time.Time) bool {
	return !now.Before(w.end().Add(o.cfg.FinalGrace))
}

// scope says how much is asked of vmselect.
type scope int

const (
	presence   scope = iota // clusters and confirmed only: cheap over a year
	everything              // all figures
)

// heardKey names what vmselect was asked. What was heard before a window was
// closed is not mistaken for what is heard after.
type heardKey struct {
	window window
	scope  scope
	closed bool
}

// hear returns what vmselect says of a window, and remembers it for a time.
// Without vmselect nothing is known. A vmselect that has failed slowly is not
// asked here until a probe has found it well.
func (o *Overview) hear(asking context.Context, w window, s scope) (leased[figures], error) {
	if o.vm == nil {
		return leased[figures]{}, nil
	}
	now := o.cfg.Now()
	if l, _, ok := o.heard.get(heardKey{w, s, o.closed(w, now)}, now); ok {
		return l, nil
	}
	a := inquiry{w, s}
	if err := o.breaker.refuse(a); err != nil {
		return leased[figures]{}, err
	}
	return o.inquire(asking, a)
}

// inquire asks vmselect, however it has answered before.
func (o *Overview) inquire(asking context.Context, a inquiry) (leased[figures], error) {
	now, w := o.cfg.Now(), a.window
	key := heardKey{w, a.scope, o.closed(w, now)}
	_, since, _ := o.heard.get(key, now)
	queries := presenceQueries
	if a.scope == everything {
		queries = everyQuery
	}
	f, err := o.vm.ask(asking, queries(w, now, o.cfg.ConfirmDays))
	if err == nil && f.days > w.length() {
		err = fmt.Errorf("overview: vmselect: %d days with data in %s", f.days, w.label())
	}
	// The two are counted one after the other, and reports come in between.
	f.confirmed = min(f.confirmed, f.clusters)
	o.vm.note(w.months(), err)
	o.cfg.OnAsk(err)
	if err != nil {
		slow := o.cfg.Now().Sub(now) >= o.cfg.QueryBudget/slowShare
		if slow && o.base.Err() == nil && o.breaker.fail(a, err) {
			_ = o.tasks.start(func() { o.probe(w.months()) }) // fails after Close alone
		}
		return leased[figures]{}, err
	}
	o.breaker.succeed(a)
	l := lease(f, now, o.cfg.CurrentTTL)
	switch {
	case !f.known && !now.Before(w.end()):
		l.until = now.Add(o.cfg.EmptyTTL)
	case key.closed:
		l.until = now.Add(forever)
	}
	o.heard.put(key, l, since)
	return l, nil
}
