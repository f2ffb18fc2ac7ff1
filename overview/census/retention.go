package census

import (
	"context"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Retention returns how long clusters stay, for all months that have ended. Errors are as
// those of [Census.Breakdown].
func (c *Census) Retention(ctx context.Context) (r *published.Retention, err error) {
	now := c.cfg.Now()
	running := rollup.MonthOf(now)
	err = c.read(ctx, running, func() error {
		r = c.held.retention.get(c.held.reads, int(running), func() *published.Retention { return c.retention(now, running) })
		return nil
	})
	return r, err
}

// cohort counts the clusters of a month: those that joined, how many of them were seen so
// many months later or still later, and those that left.
type cohort struct {
	joined, left int
	after        [len(afterMonths)]int
}

var afterMonths = [...]rollup.MonthID{1, 3, 6, 12}

func (c *Census) retention(now time.Time, running rollup.MonthID) *published.Retention {
	oldest := c.held.oldest
	cohorts := make([]cohort, running-oldest+1)
	for _, l := range c.lives() {
		if !l.steady {
			continue
		}
		cohorts[l.lastMonth-oldest].left++
		if l.early < c.cfg.ConfirmDays {
			continue
		}
		joined := &cohorts[l.firstMonth-oldest]
		joined.joined++
		for i, n := range afterMonths {
			if l.lastMonth >= l.firstMonth+n {
				joined.after[i]++
			}
		}
	}
	r := &published.Retention{
		GeneratedAt: now.UTC().Format(time.RFC3339), MinShare: c.cfg.MinShare, Months: []published.Cohort{},
	}
	for id := oldest; id < running; id++ {
		r.Months = append(r.Months, c.cohort(id, running, cohorts[id-oldest]))
	}
	return r
}

// cohort makes the answer of one month.
func (c *Census) cohort(id, running rollup.MonthID, n cohort) published.Cohort {
	p := published.Cohort{Month: id, Joined: c.whole(n.joined)}
	if id+1 < running {
		left := c.whole(n.left)
		p.Left = &left
	}
	for i, after := range [...]**int64{&p.After1, &p.After3, &p.After6, &p.After12} {
		if id+afterMonths[i] < running && p.Joined > 0 {
			seen := c.whole(n.after[i])
			*after = &seen
		}
	}
	return p
}
