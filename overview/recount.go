package overview

import (
	"context"
	"errors"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Recount is called after days of a month were merged that no report has brought.
// It folds them, and asks all sources again about a month that is settled: a stored
// snapshot that they show to be short is replaced. changed tells whether it was.
func (o *Overview) Recount(ctx context.Context, month rollup.MonthID) (changed bool, err error) {
	if !o.closed(window{month, month}, o.cfg.Now()) {
		return false, nil // it is counted anew all the time
	}
	if err := o.store.CloseDays(ctx, month, month.Last()); err != nil {
		return false, err
	}
	o.forget() // the longer periods may have more clusters now, too
	stored, ok, err := o.store.Snapshot(month)
	if err != nil || !ok || !stored.Final && o.due(stored, o.cfg.Now()) {
		return false, err // what is not settled is counted anew
	}
	asking, cancel := context.WithTimeout(ctx, o.cfg.QueryBudget)
	defer cancel()
	kept, err := o.collect(asking, month, &stored)
	if errors.Is(err, ErrNoData) || errors.Is(err, ErrUnavailable) {
		return false, nil
	}
	return err == nil && kept.Compare(stored) > 0, err
}
