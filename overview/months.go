package overview

import (
	"context"
	"errors"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// month returns a month's snapshot for as long as it holds. It waits no longer
// than ctx, and vmselect is asked no longer than asking; that context belongs to
// the server, never to a request, for others may wait for the same month.
func (o *Overview) month(ctx, asking context.Context, id rollup.MonthID) (leased[rollup.Snapshot], error) {
	l, since, ok := o.months.get(id, o.cfg.Now())
	if ok {
		return l, nil
	}
	return o.monthFlights.do(ctx, &o.tasks, id, since, func() (leased[rollup.Snapshot], error) {
		l, err := o.loadMonth(asking, id)
		if err == nil {
			o.months.put(id, l, since)
		}
		return l, err
	})
}

// loadMonth finds the month's snapshot by the order of the sources. A new final
// one is stored, unless vmselect has failed: that is left to the collector, so
// that a request finds vmselect's answer as soon as it is back.
func (o *Overview) loadMonth(asking context.Context, id rollup.MonthID) (leased[rollup.Snapshot], error) {
	none := leased[rollup.Snapshot]{}
	now := o.cfg.Now()
	stored, ok, err := o.store.Snapshot(id)
	if err != nil {
		return none, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	w := window{id, id}
	// A final snapshot of a month that is not closed comes from a clock that was
	// ahead.
	if ok && stored.Final && o.closed(w, now) {
		return lease(stored, now, forever), nil
	}
	c, err := o.count(asking, w)
	switch {
	case errors.Is(err, ErrNoData) && ok && stored.Source == rollup.SourceImported:
		return lease(stored, now, rollupsTTL), nil
	case errors.Is(err, errUnseen) && ok:
		return none, fmt.Errorf("%w, though it was seen before: %v", ErrUnavailable, err)
	case err != nil:
		return none, err
	}
	s := o.snapshot(id, c)
	if c.settled {
		if err := o.store.PutSnapshot(o.base, s); err != nil {
			o.cfg.Logger.Error().Err(err).Stringer("month", id).Msg("a final month could not be stored")
		}
	}
	return leased[rollup.Snapshot]{value: s, from: c.at, until: c.until}, nil
}

// snapshot writes down what was counted of a month.
func (o *Overview) snapshot(id rollup.MonthID, c counted) rollup.Snapshot {
	kinds := o.apps.Keep(c.kinds)
	return rollup.Snapshot{
		Month:        id,
		CollectedAt:  c.at.UTC(),
		Clusters:     c.clusters,
		TotalNodes:   c.nodes,
		TotalTenants: c.tenants,
		Apps:         o.apps.ByApp(kinds),
		Kinds:        kinds,
		Confirmed:    &c.confirmed,
		DaysWithData: c.days,
		Source:       c.source,
		Final:        c.final,
		Asked:        c.asked,
	}
}

// needsAsking tells whether vmselect still has to be heard about a final
// snapshot.
func (o *Overview) needsAsking(s rollup.Snapshot) bool {
	return o.vm != nil && s.Source == rollup.SourceRollups && !s.Asked
}

// reask asks vmselect about a final snapshot that was built while it was down.
// Once it has answered, the source that counts more clusters stands for good.
func (o *Overview) reask(asking context.Context, s rollup.Snapshot) (rollup.Snapshot, error) {
	heard, err := o.hear(asking, window{s.Month, s.Month}, everything)
	if err != nil {
		return s, err
	}
	s.Asked = true
	if f := heard.value; f.known && f.clusters >= s.Clusters {
		s = o.snapshot(s.Month, counted{
			figures: f, source: rollup.SourceVictoriaMetrics, at: heard.from, final: true, asked: true,
		})
	}
	return s, o.keep(s)
}

// keep stores a final snapshot in place of what was known of its month.
func (o *Overview) keep(s rollup.Snapshot) error {
	if err := o.store.PutSnapshot(o.base, s); err != nil {
		return err
	}
	o.forget()
	return nil
}
