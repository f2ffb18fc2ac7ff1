package overview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Answer is a rendered overview, ready to be sent many times.
type Answer struct {
	// Overview is what it says of Cozystack, Product what it says of another product; the
	// other one is nil.
	Overview *published.Overview
	Product  *published.ProductOverview
	// Answer is the JSON, with a newline at its end. It is settled when all of its months
	// are final.
	*httpanswer.Answer
}

// answerTTL bounds the use of a rendered answer: the list of applications
// changes even where the months do not.
const answerTTL = 10 * time.Minute

// build computes an answer. It runs under the Overview's own context, and all it
// asks of vmselect shares one budget.
func (o *Overview) build(q Question) (leased[*Answer], error) {
	none := leased[*Answer]{}
	if q.Product != rollup.Cozystack {
		return o.buildProduct(q)
	}
	asking, cancel := context.WithTimeout(o.base, o.cfg.QueryBudget)
	defer cancel()
	year, err := yearOf(q.Month, func(id rollup.MonthID) (leased[rollup.Snapshot], error) {
		return o.month(o.base, asking, id)
	})
	if err != nil {
		return none, err
	}
	now := o.cfg.Now()
	b := &builder{Overview: o, asking: asking, q: q, year: year}
	b.validity = hold(now, year, b.isSettled)
	var c published.Overview
	c.GeneratedAt = generatedAt(year[len(year)-1].value.CollectedAt)
	c.Periods.Month = b.requested()
	c.Periods.Quarter, c.Periods.Year = b.period(3), b.period(12)
	a, err := render(c, b.isLasting(now))
	if err == nil {
		a.Overview = &c
	}
	return leased[*Answer]{a, now, b.until}, err
}

func generatedAt(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// builder forms the periods of one answer.
type builder struct {
	*Overview
	asking context.Context
	q      Question
	year   []monthly[rollup.Snapshot]
	validity
}

// validity is how long an answer holds.
type validity struct {
	// until is when the first of the parts ceases to hold.
	until time.Time
	// settled is set when all months will hardly change.
	settled bool
}

// isLasting tells whether browsers may keep the answer for long: not what is soon
// computed anew.
func (v validity) isLasting(now time.Time) bool {
	return v.settled && !v.until.Before(now.Add(answerTTL))
}

// hold finds out how long an answer holds by its months. A month that could not be asked
// for is soon looked at again.
func hold[S any](now time.Time, year []monthly[S], isSettled func(S) bool) validity {
	v := validity{now.Add(answerTTL), true}
	for _, m := range year {
		switch {
		case m.err == nil:
			v.until = earliest(v.until, m.until)
			v.settled = v.settled && isSettled(m.value)
		case errors.Is(m.err, errUnseen):
			v.until = earliest(v.until, now.Add(rollupsTTL))
			v.settled = false
		}
	}
	return v
}

func (b *builder) isSettled(s rollup.Snapshot) bool {
	return s.Final && !b.needsAsking(s) && !b.exclusions().Stale(s)
}

// requested is the period of the month that was asked for.
func (b *builder) requested() published.Period {
	m := b.year[len(b.year)-1].value
	w := window{m.Month, m.Month}
	p := b.mean(w, []rollup.Snapshot{m})
	p.UniqueClusters, p.ConfirmedClusters = &m.Clusters, m.ConfirmedClusters
	p.Confirmed = b.meanConfirmed([]rollup.Snapshot{m})
	return b.public(w, p)
}

// period is the one of the last n months.
func (b *builder) period(n int) (p published.Period) {
	w := lastMonths(b.q.Month, n)
	data := known(b.year[len(b.year)-n:])
	var until time.Time
	if b.q.Aggregate == Distinct {
		p, until = b.distinct(b.asking, w, data)
	} else {
		p = b.mean(w, data)
		p.Confirmed = b.meanConfirmed(data)
		p.UniqueClusters, p.ConfirmedClusters, until = b.unique(b.asking, w, data)
	}
	b.until = earliest(b.until, until)
	return b.public(w, p)
}

// earliest returns the earlier of two instants.
func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func render(c any, settled bool) (*Answer, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("overview: %w", err)
	}
	return &Answer{Answer: httpanswer.New(httpanswer.JSON, append(body, '\n'), settled)}, nil
}
