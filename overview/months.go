package overview

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// month returns a month's snapshot for as long as it holds. It waits no longer
// than ctx, and vmselect is asked no longer than asking; that context belongs to
// the server, never to a request, for others may wait for the same month.
func (o *Overview) month(ctx, asking context.Context, id rollup.MonthID) (leased[rollup.Snapshot], error) {
	l, _, err := o.months.recall(ctx, &o.tasks, id, o.cfg.Now(), func() (leased[rollup.Snapshot], error) {
		return o.loadMonth(asking, id)
	})
	return l, err
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
	closed := o.closed(w, now)
	stale := ok && o.exclusions().Stale(stored)
	if ok && closed && !stale && (stored.Final || !o.due(stored, now)) {
		return lease(stored, now, forever), nil
	}
	// A final snapshot of a month that is not closed comes from a clock that was
	// ahead: it is not shown, and stays until the month has more.
	rival := ok && (closed || !stored.Final)
	c, err := o.count(asking, w)
	switch {
	case errors.Is(err, ErrNoData) && stale:
		kept, keepErr := o.store.OfferSnapshot(o.base, o.nothingOf(id, c))
		if keepErr == nil && kept.Clusters > 0 { // it is not complete, and says so
			return lease(kept, now, o.cfg.CurrentTTL), nil
		}
		return none, errors.Join(err, keepErr)
	case errors.Is(err, errUnseen) && stale:
		return lease(stored, now, rollupsTTL), nil // nor is this
	case errors.Is(err, ErrNoData) && rival && stored.Clusters > 0:
		return lease(stored, now, rollupsTTL), nil
	case errors.Is(err, errUnseen) && ok:
		return none, fmt.Errorf("%w, though it was seen before: %v", ErrUnavailable, err)
	case err != nil:
		return none, err
	}
	s := o.snapshot(id, c)
	if rival && !stale {
		s = rollup.Keep(stored, s)
	}
	if stale || !c.checked.IsZero() {
		kept, err := o.store.OfferSnapshot(o.base, s)
		if err == nil {
			s = kept
		} else {
			o.cfg.Logger.Error().Err(err).Stringer("month", id).Msg("a final month could not be stored")
		}
	}
	if o.exclusions().Stale(s) { // that is not soon another
		c.until = c.at.Add(o.cfg.CurrentTTL)
	}
	return leased[rollup.Snapshot]{value: s, from: c.at, until: c.until}, nil
}

// snapshot writes down what was counted of a month.
func (o *Overview) snapshot(id rollup.MonthID, c counted) rollup.Snapshot {
	kinds := o.apps.Keep(c.kinds)
	apps := o.apps.ByApp(kinds)
	o.nameTenants(apps, c.tenants)
	return rollup.Snapshot{
		Month:             id,
		CollectedAt:       c.at.UTC(),
		Clusters:          c.clusters,
		TotalNodes:        c.nodes,
		ExactNodes:        !c.upperNodes,
		TotalTenants:      c.tenants,
		Apps:              apps,
		Kinds:             kinds,
		ConfirmedClusters: &c.confirmedClusters,
		Confirmed:         c.confirmed,
		DaysWithData:      c.days,
		Source:            c.source,
		Final:             c.final,
		Asked:             c.asked,
		CheckedAt:         c.checked.UTC(),
		Excluding:         c.excluding,
	}
}

// nameTenants makes the application of the tenants show how many those are. Clients
// before v1.0 do not count them as an application.
func (o *Overview) nameTenants(apps map[string]int64, tenants int64) {
	for name, n := range o.apps.ByApp(map[string]int64{rollup.KindTenant: 1}) {
		if _, listed := apps[name]; n > 0 && (listed || tenants > 0) {
			apps[name] = tenants
		}
	}
}

// needsAsking tells whether vmselect still has to be heard about a final
// snapshot.
func (o *Overview) needsAsking(s rollup.Snapshot) bool {
	return o.asks(o.exclusions()) && s.Source == rollup.SourceRollups && !s.Asked
}

// due tells whether the sources are still to be heard about the snapshot of a closed
// month: once after it was closed, and once more a day after its end.
func (o *Overview) due(s rollup.Snapshot, now time.Time) bool {
	late := window{s.Month, s.Month}.late()
	return o.needsAsking(s) || s.CheckedAt.IsZero() || s.CheckedAt.Before(late) && !now.Before(late)
}

// collect counts a closed month. It offers the store what is final, and returns what
// stands then; what is stored may be nil. A month that no source knows any more is
// noted to have been checked.
func (o *Overview) collect(asking context.Context, id rollup.MonthID, stored *rollup.Snapshot) (rollup.Snapshot, error) {
	c, err := o.count(asking, window{id, id})
	s := o.snapshot(id, c)
	switch {
	case errors.Is(err, ErrNoData) && stored != nil && !c.checked.IsZero():
		s = *stored
		s.CheckedAt, s.Asked = c.checked.UTC(), s.Asked || c.asked
	case err != nil:
		return s, err
	case !c.final, stored != nil && stored.Final && stored.Source == s.Source && c.checked.IsZero():
		return s, nil // vmselect has still to be heard
	}
	kept, err := o.store.OfferSnapshot(o.base, s)
	if err != nil {
		return s, err
	}
	if stored == nil || !reflect.DeepEqual(kept, *stored) {
		o.forget()
	}
	return kept, nil
}
