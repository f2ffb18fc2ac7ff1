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
// ends. It closes a month in the store, stores its final snapshot, and asks
// vmselect again about those that were built while it was down. It returns nil.
func (o *Overview) Run(ctx context.Context) error {
	c := collector{Overview: o}
	for {
		c.round(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(c.wait()):
		}
	}
}

// collector belongs to the goroutine of Run.
type collector struct {
	*Overview
	// saved is when the running month was last stored.
	saved time.Time
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
	err = errors.Join(err, c.collectEnded(ctx), c.saveRunning(ctx))
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
	first, ok, err := c.store.FirstMonth()
	if err != nil {
		return 0, err
	}
	if !ok {
		return this, nil
	}
	return max(first, from), nil
}

// settle gives a month that is closed its final snapshot. That vmselect fails is
// no error here: it is logged where it is asked.
func (c *collector) settle(ctx context.Context, id rollup.MonthID) error {
	stored, ok, err := c.store.Snapshot(id)
	if err != nil {
		return err
	}
	asking, cancel := context.WithTimeout(ctx, c.cfg.QueryBudget)
	defer cancel()
	switch {
	case ok && stored.Final && stored.Source == rollup.SourceImported:
		// It may have come after days that show more.
		_, err := c.recount(stored)
		return err
	case ok && stored.Final && c.needsAsking(stored):
		return c.askAgain(asking, stored)
	case ok && stored.Final:
		return nil
	}
	if err := c.store.FoldDays(ctx, id, id.Last()); err != nil {
		return err
	}
	l, err := c.month(ctx, asking, id)
	if errors.Is(err, ErrNoData) || errors.Is(err, ErrUnavailable) {
		return nil
	}
	if err != nil || !l.value.Final {
		return err
	}
	if stored, ok, err = c.store.Snapshot(id); err == nil && !(ok && stored.Final) {
		err = c.keep(l.value)
	}
	if err == nil {
		c.tell(l.value, "a month is final")
	}
	return err
}

func (c *collector) askAgain(asking context.Context, stored rollup.Snapshot) error {
	s, err := c.reask(asking, stored)
	if err == nil {
		c.tell(s, "vmselect has been asked about a final month")
	}
	return err
}

func (c *collector) tell(s rollup.Snapshot, what string) {
	c.cfg.Logger.Info().Stringer("month", s.Month).Str("source", string(s.Source)).
		Int64("clusters", s.Clusters).Msg(what)
}

// foldRunning folds the running month up to yesterday, so that its figures cost
// no more at its end than at its beginning.
func (c *collector) foldRunning(ctx context.Context) error {
	today := rollup.DateOf(c.cfg.Now())
	return c.store.FoldDays(ctx, today.Month(), today-1)
}

// saveRunning stores the running month as it stands, once in a while.
func (c *collector) saveRunning(ctx context.Context) error {
	now := c.cfg.Now()
	if since := now.Sub(c.saved); since >= 0 && since < saveEvery {
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
	if err := c.saveIfNew(ctx, l.value); err != nil {
		return err
	}
	c.saved = now
	return nil
}

// saveIfNew stores the running month, unless there is a final snapshot of it that
// has as much: it was made by a clock that was ahead, or this one was set back.
func (c *collector) saveIfNew(ctx context.Context, s rollup.Snapshot) error {
	if s.Source == rollup.SourceImported {
		return nil
	}
	stored, ok, err := c.store.Snapshot(s.Month)
	if err != nil || ok && stored.Final && !exceeds(s, stored) {
		return err
	}
	return c.store.PutSnapshot(ctx, s)
}

// exceeds tells whether any figure of a month is above that of another snapshot.
func exceeds(s, other rollup.Snapshot) bool {
	for kind, n := range s.Kinds {
		if n > other.Kinds[kind] {
			return true
		}
	}
	return s.Clusters > other.Clusters || s.TotalNodes > other.TotalNodes || s.TotalTenants > other.TotalTenants ||
		s.DaysWithData > other.DaysWithData
}
