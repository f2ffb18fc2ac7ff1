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
	// final: the window was closed when it was read, and the rollups were heard;
	// what vmselect says is final only where it had all reports.
	final bool
	// excluding is the digest of the exclusions under which both were asked.
	excluding string
	// checked is set where a window was closed and both sources were heard, vmselect
	// with all reports: when that was.
	checked time.Time
}

// count asks both sources for all figures of a window, and takes the better ones.
// The error is ErrNoData if they know nothing, errUnseen if the one that could be
// asked knows nothing.
func (o *Overview) count(asking context.Context, w window) (counted, error) {
	excluded := o.exclusions() // what is excluded while it is counted makes it stale
	now := o.cfg.Now()
	closed, complete := o.closed(w, now), o.complete(w, now)
	heard, vmErr := o.hear(asking, w, everything, excluded)
	now = o.cfg.Now()
	own, ownErr := o.fold(w)

	c := o.better(w.to, counted{
		figures: own, source: rollup.SourceRollups, at: now, until: now.Add(rollupsTTL),
		final: closed && ownErr == nil,
	}, counted{
		figures: heard.value, source: rollup.SourceVictoriaMetrics, at: heard.from, until: heard.from.Add(o.cfg.CurrentTTL),
		final: complete && ownErr == nil,
	})
	c.excluding = excluded.Digest
	c.confirmed, c.monthClusters = own.confirmed, own.monthClusters // vmselect has neither
	c.asked = o.asks(excluded) && vmErr == nil && complete == closed
	if complete && errors.Join(vmErr, ownErr) == nil {
		c.checked, c.until = now, now.Add(forever)
		if o.asks(excluded) {
			c.checked = heard.from
		}
	}
	switch {
	case c.known:
		return c, nil
	case vmErr != nil || ownErr != nil:
		return c, fmt.Errorf("%w: %s: %w", errUnseen, w.label(), errors.Join(vmErr, ownErr))
	}
	return c, fmt.Errorf("%w: %s", ErrNoData, w.label())
}

// better returns the better count of a window.
func (o *Overview) better(to rollup.MonthID, a, b counted) counted {
	if b.known && (!a.known || o.snapshot(to, b).Compare(o.snapshot(to, a)) > 0) {
		return b
	}
	return a
}

// closed tells whether a window can't grow any more: it has ended, and the grace
// period too.
func (o *Overview) closed(w window, now time.Time) bool {
	return !now.Before(w.end().Add(o.cfg.FinalGrace))
}

// complete tells whether a window is closed, and no report of it waits to be
// forwarded: vmselect knows all that it will ever know.
func (o *Overview) complete(w window, now time.Time) bool {
	if !o.closed(w, now) {
		return false
	}
	oldest := o.cfg.OldestQueued()
	return o.vm == nil || oldest.IsZero() || !oldest.Before(w.end().Add(o.cfg.FinalGrace))
}

// late is when a window is asked about for the last time: by then the samples that
// VictoriaMetrics has taken are certainly found.
func (w window) late() time.Time { return w.end().Add(24 * time.Hour) }

// scope says how much is asked of vmselect.
type scope int

const (
	presence   scope = iota // clusters and confirmed only: cheap over a year
	everything              // all figures
)

// heardKey names what vmselect was asked. What was heard before a window was
// complete is not mistaken for what is heard after.
type heardKey struct {
	window   window
	scope    scope
	complete bool
	// excluding is the digest of what was left out.
	excluding string
}

// hear returns what vmselect says of a window, and remembers it for a time.
// Without vmselect nothing is known, nor where it can't be told what is excluded. A vmselect that has failed slowly is not
// asked here until a probe has found it well.
func (o *Overview) hear(asking context.Context, w window, s scope, excluded rollup.Exclusions) (leased[figures], error) {
	if !o.asks(excluded) {
		return leased[figures]{}, nil
	}
	now := o.cfg.Now()
	if l, _, ok := o.heard.get(heardKey{w, s, o.complete(w, now), excluded.Digest}, now); ok {
		return l, nil
	}
	a := inquiry{w, s}
	if err := o.breaker.refuse(a); err != nil {
		return leased[figures]{}, err
	}
	return o.inquire(asking, a, excluded)
}

// inquire asks vmselect, however it has answered before.
func (o *Overview) inquire(asking context.Context, a inquiry, excluded rollup.Exclusions) (leased[figures], error) {
	now, w := o.cfg.Now(), a.window
	key := heardKey{w, a.scope, o.complete(w, now), excluded.Digest}
	_, since, _ := o.heard.get(key, now)
	queries := presenceQueries
	if a.scope == everything {
		queries = everyQuery
	}
	f, longest, err := o.vm.ask(asking, queries(w, now, o.cfg.ConfirmDays, exceptFor(excluded)))
	if err == nil && f.days > w.length() {
		err = fmt.Errorf("overview: vmselect: %d days with data in %s", f.days, w.label())
	}
	// The two are counted one after the other, and reports come in between.
	f.confirmedClusters = min(f.confirmedClusters, f.clusters)
	o.vm.note(w.months(), err)
	o.cfg.OnAsk(err)
	o.judge(a, longest, asking.Err() != nil, err)
	if err != nil {
		return leased[figures]{}, err
	}
	l := lease(f, now, o.cfg.CurrentTTL)
	switch {
	case !f.known && !now.Before(w.end()):
		l.until = now.Add(o.cfg.EmptyTTL)
	case key.complete && now.Before(w.late()):
		l.until = w.late()
	case key.complete:
		l.until = now.Add(forever)
	}
	o.heard.put(key, l, since)
	return l, nil
}
