package store

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// pausedContext holds up the first fold that looks whether it has ended: between
// the mark that days are being folded and the first record of the month.
type pausedContext struct {
	context.Context
	once   sync.Once
	paused chan struct{}
	goOn   chan struct{}
}

func (c *pausedContext) Err() error {
	c.once.Do(func() {
		close(c.paused)
		<-c.goOn
	})
	return c.Context.Err()
}

// A fold under way does not bring back a month that retention removes: what came
// back would have a part of the figures, and take no late report.
func TestMonthIsNotRemovedUnderAFold(t *testing.T) { synctest.Test(t, testMonthIsNotRemovedUnderAFold) }

func testMonthIsNotRemovedUnderAFold(t *testing.T) {
	s := open(t, Options{})
	old := march.AddDate(0, -3, 0)
	month := rollup.MonthOf(old)
	recordAll(t, s, make(model), report(uuid(1), old, "a"), report(uuid(2), march, "a"))

	ctx := &pausedContext{Context: t.Context(), paused: make(chan struct{}), goOn: make(chan struct{})}
	var wg sync.WaitGroup
	wg.Go(func() { must(t, s.CloseDays(ctx, month, month.Last())) })
	<-ctx.paused
	wg.Go(func() { pruneAll(t, s, Keep{Days: rollup.DateOf(march), Months: rollup.MonthOf(march)}) })
	synctest.Wait()
	close(ctx.goOn)
	wg.Wait()

	if first, _, err := s.FirstMonth("cozystack"); first != rollup.MonthOf(march) || err != nil {
		t.Errorf("the first month is %s, %v", first, err)
	}
	again := make(model)
	recordAll(t, s, again, report(uuid(3), old, "b"))
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), again.fold("cozystack", month, month, nil))
}
