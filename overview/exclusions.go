package overview

import (
	"context"
	"errors"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// exclusions are the clusters that figures leave out now.
func (o *Overview) exclusions() rollup.Exclusions { return o.store.Exclusions(rollup.Cozystack) }

// asks tells whether vmselect is asked at all: there is one, and it can be told what is
// excluded. Else the rollups alone answer.
func (o *Overview) asks(excluded rollup.Exclusions) bool {
	return o.vm != nil && canExcept(excluded)
}

// CountAgain is called after clusters were excluded or included. It counts the months
// again whose stored figures were counted under other exclusions, and returns those of
// which no source could say the figures: they stay, and are not complete. What ctx
// leaves no time for, and where vmselect failed, is counted again later by Run.
func (o *Overview) CountAgain(ctx context.Context) (left []rollup.MonthID, err error) {
	o.forget()
	err = o.countProductsAgain(ctx)
	left, countErr := o.countAgain(ctx, func(rollup.MonthID) bool { return false })
	return left, errors.Join(err, countErr)
}

// countAgain returns the months that stay stale though both sources were heard. One that is
// damaged does not keep the others.
func (o *Overview) countAgain(ctx context.Context, pass func(rollup.MonthID) bool) (left []rollup.MonthID, err error) {
	all, err := o.store.Snapshots()
	excluded := o.exclusions()
	for _, stored := range all {
		if ctx.Err() != nil {
			break
		}
		if !excluded.Stale(stored) {
			continue
		}
		if pass(stored.Month) {
			left = append(left, stored.Month)
			continue
		}
		kept, countErr := o.replaceStale(ctx, stored)
		switch {
		case errors.Is(countErr, ErrUnavailable): // logged where it is asked
		case countErr != nil:
			err = errors.Join(err, countErr)
		case o.exclusions().Stale(kept):
			o.cfg.Logger.Warn().Stringer("month", stored.Month).
				Msg("a month could not be counted again: its figures have clusters that the file lacks and vmselect does not tell; it is shown as not complete")
			left = append(left, stored.Month)
		default:
			o.cfg.Logger.Info().Stringer("month", stored.Month).Int64("clusters_before", stored.Clusters).
				Int64("clusters", kept.Clusters).Msg("a month was counted again, without what is excluded")
		}
	}
	return left, errors.Join(err, ctx.Err())
}

// replaceStale counts a month and offers the store what it has found, though that is
// less. Of a month that had none but the excluded nothing is left.
func (o *Overview) replaceStale(ctx context.Context, stored rollup.Snapshot) (kept rollup.Snapshot, err error) {
	w := window{stored.Month, stored.Month}
	if o.closed(w, o.cfg.Now()) {
		if err := o.store.CloseDays(ctx, stored.Month, stored.Month.Last()); err != nil {
			return stored, err
		}
	}
	asking, cancel := context.WithTimeout(ctx, o.cfg.QueryBudget)
	defer cancel()
	c, err := o.count(asking, w)
	s := o.snapshot(stored.Month, c)
	switch {
	case errors.Is(err, ErrNoData):
		s = o.nothingOf(stored.Month, c)
	case err != nil:
		return stored, err
	}
	if kept, err = o.store.OfferSnapshot(o.base, s); err == nil {
		o.forget()
	}
	return kept, err
}

// nothingOf is the snapshot of a month of which no source has anything but the excluded.
// It is the rollups': vmselect may have lost what it had.
func (o *Overview) nothingOf(id rollup.MonthID, c counted) rollup.Snapshot {
	return rollup.Snapshot{Month: id, CollectedAt: o.cfg.Now().UTC(), Source: rollup.SourceRollups, Excluding: c.excluding}
}

// Totals are the figures of a month that an exclusion is judged by.
type Totals struct {
	Clusters int64 `json:"clusters"`
	Nodes    int64 `json:"total_nodes"`
	Tenants  int64 `json:"total_tenants"`
}

// Totals counts a month from the rollups under other exclusions than the present ones,
// each in its turn: what an exclusion would change.
func (o *Overview) Totals(ctx context.Context, month rollup.MonthID, sets ...rollup.Exclusions) ([]Totals, error) {
	b := &book{keep: o.apps.Keep}
	t, err := b.read(ctx, o.store.FoldAll, month)
	if err != nil {
		return nil, err
	}
	var all []Totals
	for _, set := range sets {
		all = append(all, b.totals(t, set))
	}
	return all, nil
}

func (b *book) totals(t *table, excluded rollup.Exclusions) Totals {
	c := b.tally(ofPeaks)
	eachCluster([]*table{t}, func(cluster uint32, e *entry) {
		if _, out := slices.BinarySearch(excluded.Instances, string(b.clusters.text(cluster))); !out {
			c.add(e)
		}
	})
	return Totals{c.clusters, round(c.nodes), round(c.tenants)}
}
