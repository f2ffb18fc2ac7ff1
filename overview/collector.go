package overview

import (
	"context"
	"errors"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// monthsBack is how far the longest period reaches.
	monthsBack = 12
	// saveEvery is how often the running month is stored, so that the mirror has
	// it.
	saveEvery = time.Hour
)

// Run collects the months that have ended, without being asked to, until ctx
// ends. It closes a month in the store, stores its final snapshot, and asks the
// sources again a day later, and where vmselect was down. With ctx all that is being
// computed ends, so that nobody waits for it: nothing but Close may come after.
func (o *Overview) Run(ctx context.Context) {
	context.AfterFunc(ctx, o.stop)
	c := collector{Overview: o}
	for ctx.Err() == nil {
		c.round(ctx)
		select {
		case <-ctx.Done():
		case <-c.wake:
		case <-time.After(c.wait()):
		}
	}
}

// collector belongs to the goroutine of Run.
type collector struct {
	*Overview
	// saved is when the running month was last stored.
	saved time.Time
	// savedProducts is when that of the products was.
	savedProducts time.Time
	// unknown has the months that nobody knew when they were asked for the last time,
	// and the era of that: once something was forgotten, they are looked at again.
	unknown map[rollup.MonthID]era
	// unmoved has the months that stay stale, and under which exclusions they do.
	unmoved map[rollup.MonthID]string
	// unconfirmed has the changes of the months of which the rollups were asked for the
	// confirmed figures of a final snapshot.
	unconfirmed map[rollup.MonthID]uint64
	// counted has the changes of the months of products that were counted, late enough to
	// be the last word.
	counted map[productMonth]uint64
	// failing holds back the second and further lines about one trouble.
	failing bool
}

// wait returns the time until the next round. The round that makes the running
// month final comes on time.
func (c *collector) wait() time.Duration {
	now := c.cfg.Now()
	closing := rollup.MonthOf(now).End().Add(c.cfg.FinalGrace)
	if last := rollup.MonthOf(now).Start().Add(c.cfg.FinalGrace); now.Before(last) {
		closing = last
	}
	return min(c.cfg.CollectEvery, closing.Sub(now))
}

func (c *collector) round(ctx context.Context) {
	err := c.foldRunning(ctx)
	err = errors.Join(err, c.countStale(ctx), c.collectEnded(ctx), c.confirmEnded(ctx), c.collectProducts(ctx),
		c.saveRunning(ctx), c.saveProducts(ctx), c.foldPeriods())
	if ctx.Err() != nil {
		return
	}
	if err != nil && !c.failing {
		c.cfg.Logger.Error().Err(err).Msg("months could not be collected, trying again")
	}
	c.failing = err != nil
}

// collectEnded looks at every month that is closed by now.
func (c *collector) collectEnded(ctx context.Context) error {
	now := c.cfg.Now()
	this := rollup.MonthOf(now)
	from, err := c.firstMonth(this)
	if err != nil {
		return err
	}
	var failed error
	for id := from; id < this && ctx.Err() == nil; id++ {
		if c.closed(window{id, id}, now) {
			failed = errors.Join(failed, c.settle(ctx, id))
		}
	}
	return failed
}

// firstMonth returns the first month to look at. vmselect may know of months
// from before this server.
func (c *collector) firstMonth(this rollup.MonthID) (rollup.MonthID, error) {
	from := this - monthsBack
	if c.vm != nil {
		return from, nil
	}
	first, ok, err := c.store.FirstMonth(rollup.Cozystack)
	if err != nil {
		return 0, err
	}
	if !ok {
		return this, nil
	}
	return max(first, from), nil
}

// countStale counts again what was counted under other exclusions. What stays stale is
// left alone until others are excluded.
func (c *collector) countStale(ctx context.Context) error {
	excluding := c.exclusions().Digest
	left, err := c.countAgain(ctx, func(id rollup.MonthID) bool {
		then, ok := c.unmoved[id]
		return ok && then == excluding
	})
	c.unmoved = make(map[rollup.MonthID]string)
	for _, id := range left {
		c.unmoved[id] = excluding
	}
	return err
}

// settle gives a month that is closed its final snapshot, and asks the sources again
// about one that is due. That vmselect fails is no error here: it is logged where it
// is asked.
func (c *collector) settle(ctx context.Context, id rollup.MonthID) error {
	var known *rollup.Snapshot
	stored, ok, err := c.store.Snapshot(id)
	if err != nil {
		return err
	}
	now := c.cfg.Now()
	_, since, _ := c.months.get(id, now)
	switch then, unknown := c.unknown[id]; {
	case !ok && unknown && then == since:
		return nil
	case ok && (!c.due(stored, now) || stored.Final && !c.complete(window{id, id}, now)):
		return nil
	case ok:
		known = &stored
	}
	if err := c.store.CloseDays(ctx, id, id.Last()); err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, c.cfg.QueryBudget)
	defer cancel()
	kept, err := c.collect(asking, id, known)
	switch {
	case errors.Is(err, ErrNoData):
		c.noteUnknown(id, kept.CheckedAt, since)
		return nil
	case errors.Is(err, ErrUnavailable):
		return nil
	case err != nil:
		return err
	case kept.Final && !stored.Final:
		c.tell(kept, "a month is final")
	case kept.CheckedAt.After(stored.CheckedAt):
		c.tell(kept, "the sources were asked again about a month")
	}
	return nil
}

// confirmEnded gives the final snapshots the confirmed figures that they lack: those of
// an earlier version, and those of which the rollups have learned since.
func (c *collector) confirmEnded(ctx context.Context) error {
	first, ok, err := c.store.FirstMonth(rollup.Cozystack)
	if err != nil || !ok {
		return err
	}
	var failed error
	for id := first; id < rollup.MonthOf(c.cfg.Now()) && ctx.Err() == nil; id++ {
		failed = errors.Join(failed, c.confirm(ctx, id))
	}
	return failed
}

func (c *collector) confirm(ctx context.Context, id rollup.MonthID) error {
	s, ok, err := c.store.Snapshot(id)
	if err != nil || !ok || !s.Final || s.Confirmed != nil || s.Source == rollup.SourceImported {
		return err
	}
	if err := c.store.CloseDays(ctx, id, id.Last()); err != nil {
		return err
	}
	changes := c.store.Changes(rollup.Cozystack, id)
	if then, ok := c.unconfirmed[id]; ok && then == changes {
		return nil
	}
	own, err := c.fold(window{id, id})
	if err != nil {
		return err
	}
	if c.unconfirmed == nil {
		c.unconfirmed = map[rollup.MonthID]uint64{}
	}
	c.unconfirmed[id] = changes
	if s.Confirmed = own.confirmed; s.Confirmed == nil {
		return nil
	}
	if _, err = c.store.OfferSnapshot(ctx, s); err == nil {
		c.forget()
	}
	return err
}

// noteUnknown notes that nobody knows a month, if that was late enough to be the last
// word.
func (c *collector) noteUnknown(id rollup.MonthID, checked time.Time, since era) {
	if checked.Before(window{id, id}.late()) {
		return
	}
	if c.unknown == nil {
		c.unknown = map[rollup.MonthID]era{}
	}
	c.unknown[id] = since
}

func (c *collector) tell(s rollup.Snapshot, what string) {
	c.cfg.Logger.Info().Stringer("month", s.Month).Str("source", string(s.Source)).
		Int64("clusters", s.Clusters).Msg(what)
}

// foldRunning folds the running month up to yesterday, so that its figures cost
// no more at its end than at its beginning.
func (c *collector) foldRunning(ctx context.Context) error {
	today := rollup.DateOf(c.cfg.Now())
	return c.store.CloseDays(ctx, today.Month(), today-1)
}

// foldPeriods folds the long periods of the running month, of which all but that
// month is kept: so the first one to ask does not wait for it.
func (c *collector) foldPeriods() error {
	this := rollup.MonthOf(c.cfg.Now())
	for _, months := range []int{1, 3, 12} {
		if _, err := c.fold(lastMonths(this, months)); err != nil {
			return err
		}
	}
	return nil
}

// saveRunning stores the running month as it stands, once in a while. A final
// snapshot that has as much stays: it was made by a clock that was ahead, or this one
// was set back.
func (c *collector) saveRunning(ctx context.Context) error {
	now := c.cfg.Now()
	if !isDue(c.saved, now) {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, c.cfg.QueryBudget)
	defer cancel()
	l, err := c.month(ctx, asking, rollup.MonthOf(now))
	if errors.Is(err, ErrNoData) || errors.Is(err, ErrUnavailable) {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := c.store.OfferSnapshot(ctx, l.value); err != nil {
		return err
	}
	c.saved = now
	return nil
}

// isDue tells whether the running month is to be stored again. A clock that was set back
// is no reason to wait.
func isDue(saved, now time.Time) bool {
	since := now.Sub(saved)
	return since < 0 || since >= saveEvery
}
