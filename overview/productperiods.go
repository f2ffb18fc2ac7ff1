package overview

import (
	"slices"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// productBuilder forms the periods of one answer.
type productBuilder struct {
	*Overview
	product product.Product
	q       Question
	year    []monthly[rollup.ProductSnapshot]
	validity
}

// buildProduct does for another product than cozystack what build does.
func (o *Overview) buildProduct(q Question) (leased[*Answer], error) {
	none := leased[*Answer]{}
	p, err := o.productOf(q.Product)
	if err != nil {
		return none, err
	}
	year, err := yearOf(q.Month, func(id rollup.MonthID) (leased[rollup.ProductSnapshot], error) {
		return o.productMonth(o.base, p, id)
	})
	if err != nil {
		return none, err
	}
	now := o.cfg.Now()
	b := &productBuilder{Overview: o, product: p, q: q, year: year}
	b.validity = hold(now, year, b.isSettled)
	c := published.ProductOverview{
		GeneratedAt: generatedAt(year[len(year)-1].value.CollectedAt), Product: p.Name, Aggregate: q.Aggregate,
		Periods: published.Periods[published.ProductPeriod]{Month: b.period(1), Quarter: b.period(3), Year: b.period(12)},
	}
	a, err := render(c, b.isLasting(now))
	if err == nil {
		a.Product = &c
	}
	return leased[*Answer]{a, now, b.until}, err
}

// period is the one of the last n months.
func (b *productBuilder) period(n int) published.ProductPeriod {
	w, data := lastMonths(b.q.Month, n), known(b.year[len(b.year)-n:])
	if n > 1 && b.q.Aggregate == Distinct {
		p, until := b.distinct(w, data)
		b.until = earliest(b.until, until)
		return p
	}
	return b.mean(w, data)
}

// mean is the period of a window as the mean of what its months with data show: so it
// tells nothing that they do not.
func (b *productBuilder) mean(w window, data []rollup.ProductSnapshot) published.ProductPeriod {
	var months []product.Figures
	complete := len(data) == w.months()
	for _, s := range data {
		months = append(months, b.product.Public(figuresOf(s), b.cfg.MinShare))
		complete = complete && b.covers(s)
	}
	f := months[0]
	if len(months) > 1 {
		f = b.product.PublicMean(months, b.cfg.MinShare)
	}
	p := b.show(w, f, data, complete)
	p.Reports = divide(p.Reports, int64(len(data)))
	return p
}

// distinct is the period of a window counted as one, in which each instance counts once.
// until says how long it holds. Where the rollups have less than one of the months had,
// the largest month is nearest to the truth.
func (b *productBuilder) distinct(w window, data []rollup.ProductSnapshot) (p published.ProductPeriod, until time.Time) {
	f, until, err := b.tally(b.product, w)
	now := b.cfg.Now()
	largest := slices.MaxFunc(data, rollup.ProductSnapshot.Compare)
	if err != nil || f.Instances < largest.Instances {
		p = b.mean(w, []rollup.ProductSnapshot{largest})
		p.Reports, p.Months, p.Complete = reportsOf(data), len(data), false
		return p, until
	}
	var months []product.Figures
	for _, s := range data {
		months = append(months, figuresOf(s))
	}
	complete := f.Days == w.length() && !now.Before(w.end()) && b.seesAll(rollup.SourceRollups)
	return b.show(w, b.product.PublicWindow(f, b.cfg.MinShare, months), data, complete), until
}

// show is the period of figures that are public, of these months.
func (b *productBuilder) show(w window, f product.Figures, data []rollup.ProductSnapshot, complete bool) published.ProductPeriod {
	return published.ProductPeriod{
		Names: w.names(), Instances: f.Instances, Reports: reportsOf(data), Metrics: f.Metrics, Shares: f.Shares,
		Source: rollup.SourceRollups, Complete: complete, Months: len(data),
	}
}

// reportsOf adds up the reports of months.
func reportsOf(data []rollup.ProductSnapshot) (sum int64) {
	for _, s := range data {
		sum += s.Reports
	}
	return sum
}

// covers tells whether a snapshot holds all of its month, as that of cozystack does.
func (b *productBuilder) covers(s rollup.ProductSnapshot) bool {
	return !s.CollectedAt.Before(s.Month.End()) && !b.isStale(s) &&
		s.DaysWithData == s.Month.Days() && b.seesAll(s.Source)
}

func (b *productBuilder) isSettled(s rollup.ProductSnapshot) bool { return s.Final && !b.isStale(s) }

func (b *productBuilder) isStale(s rollup.ProductSnapshot) bool {
	return b.store.Exclusions(s.Product).Stale(s.Ranked())
}

// figuresOf returns the figures of a snapshot, as they were counted.
func figuresOf(s rollup.ProductSnapshot) product.Figures {
	return product.Figures{Instances: s.Instances, Days: s.DaysWithData, Metrics: s.Metrics, Shares: s.Shares}
}
