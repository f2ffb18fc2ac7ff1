package serve

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	totalsEvery = 10 * time.Minute
	// totalsGrace is how long after a day its last reports may still be on their way.
	totalsGrace = 5 * time.Minute
)

// totals forwards of a product of sessions what a day has in all, once, when it is over: a
// sample of each session would join them.
type totals struct {
	store   *store.Store
	product string
	now     func() time.Time
	log     zerolog.Logger
}

// run queues the totals of days that are over, until ctx ends.
func (t *totals) run(ctx context.Context) {
	tick := time.NewTicker(totalsEvery)
	defer tick.Stop()
	for {
		if err := t.round(ctx); err != nil && ctx.Err() == nil {
			t.log.Error().Err(err).Str("product", t.product).Msg("the totals of a day were not queued to be forwarded; it will be tried again")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// round queues the days that have ended since the last one that was. A note of a day that is
// yet to come is a clock's that was ahead: then all days are queued again, as they were.
func (t *totals) round(ctx context.Context) error {
	today := rollup.DateOf(t.now().Add(-totalsGrace))
	through, ok, err := t.store.TotalsThrough(t.product)
	if err != nil {
		return err
	}
	days, err := t.store.DayVersions(t.product)
	if err != nil {
		return err
	}
	first := today
	for day := range days {
		if !ok || through >= today || day > through {
			first = min(first, day)
		}
	}
	for day := first; day < today; day++ {
		if _, there := days[day]; !there {
			continue
		}
		if err := t.queue(ctx, day); err != nil {
			return err
		}
	}
	return nil
}

// queue queues the totals of a day. One that can't be read has none: it keeps no other.
func (t *totals) queue(ctx context.Context, day rollup.Date) error {
	lines, err := t.lines(ctx, day)
	if errors.Is(err, dberrors.ErrDamaged) {
		t.log.Error().Err(err).Str("product", t.product).Stringer("day", day).Msg("a day can't be read, so its totals are not forwarded; a backup may have it")
		lines, err = nil, nil
	}
	if err != nil {
		return err
	}
	return t.store.QueueTotals(ctx, t.product, day, lines)
}

func (t *totals) lines(ctx context.Context, day rollup.Date) ([]byte, error) {
	sessions, sums := 0, make(map[rollup.Series]float64)
	err := t.store.InstancesOf(ctx, t.product, day, func(_ string, d rollup.Day) error {
		sessions++
		for _, p := range d.Points {
			sums[p.Series] = min(sums[p.Series]+p.Peak, rollup.MaxValue)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return forward.AppendTotals(nil, t.product, day, sessions, sums), nil
}
