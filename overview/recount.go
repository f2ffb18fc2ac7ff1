package overview

import (
	"context"
	"maps"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Recount is called after days of a month were merged that no report has brought.
// It folds them, and replaces a stored final snapshot that they show to be short;
// changed tells whether it did. What is stored because vmselect has answered, or
// because the original server had collected it, is not given up for fewer
// clusters.
func (o *Overview) Recount(ctx context.Context, month rollup.MonthID) (changed bool, err error) {
	if !o.closed(window{month, month}, o.cfg.Now()) {
		return false, nil // it is counted anew all the time
	}
	if err := o.store.FoldDays(ctx, month, month.Last()); err != nil {
		return false, err
	}
	o.forget() // the longer periods may have more clusters now
	stored, ok, err := o.store.Snapshot(month)
	if err != nil || !ok || !stored.Final {
		return false, err
	}
	return o.recount(stored)
}

// recount replaces a final snapshot by what the rollups show, if that is more.
func (o *Overview) recount(stored rollup.Snapshot) (changed bool, err error) {
	own, err := o.countAgain(stored.Month)
	if err != nil || !better(own, stored) {
		return false, err
	}
	s := o.snapshot(stored.Month, counted{
		figures: own, source: rollup.SourceRollups, at: o.cfg.Now(), final: true, asked: stored.Asked,
	})
	return true, o.keep(s)
}

// countAgain counts a month from the rollups, with the kinds that a snapshot would
// keep.
func (o *Overview) countAgain(month rollup.MonthID) (figures, error) {
	own, err := o.fold(window{month, month})
	own.kinds = o.apps.Keep(own.kinds)
	return own, err
}

// better tells whether the rollups show more of a month than its final snapshot.
// With as many clusters they do beside their own earlier count, and beside the
// original server's, which counts nodes twice when a kernel was upgraded.
func better(own figures, stored rollup.Snapshot) bool {
	switch {
	case own.clusters != stored.Clusters:
		return own.clusters > stored.Clusters
	case stored.Source == rollup.SourceImported:
		return own.days == stored.Month.Days() // its days are not known: all is as much at least
	case stored.Source == rollup.SourceRollups:
		return own.nodes != stored.TotalNodes || own.tenants != stored.TotalTenants ||
			own.days != stored.DaysWithData || !maps.Equal(own.kinds, stored.Kinds) ||
			stored.Confirmed == nil || own.confirmed != *stored.Confirmed
	}
	return false
}
