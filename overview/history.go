package overview

import (
	"context"
	"errors"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// History returns the months from one to another, both included, each as the overview of that
// month has it; settled says whether it will hardly change. A month of which nothing is known
// has a row too. Where nothing is known of any the error is [ErrNoData]; of a month that was
// seen and can't be answered now it is [ErrUnavailable].
func (o *Overview) History(ctx context.Context, from, to rollup.MonthID, publish Publish) (h *published.History, settled bool, err error) {
	asking, cancel := context.WithTimeout(o.base, o.cfg.QueryBudget) // others may wait for the same month
	defer cancel()
	months, err := monthsOf(window{from, to}, func(id rollup.MonthID) (leased[rollup.Snapshot], error) {
		return o.month(ctx, asking, id)
	})
	if err != nil {
		return nil, false, err
	}
	b := &builder{Overview: o, q: Question{Publish: publish}}
	h = &published.History{From: from, To: to}
	var collected time.Time
	for i, m := range months {
		row := published.HistoryMonth{Month: from + rollup.MonthID(i)}
		if m.err == nil {
			b.year = months[i : i+1]
			row = HistoryRow(row.Month, b.requested(), daysOf(m.value))
			collected = latest(collected, m.value.CollectedAt)
		}
		h.Months = append(h.Months, row)
	}
	h.GeneratedAt = generatedAt(collected)
	now := o.cfg.Now()
	return h, hold(now, months, b.isSettled).isLasting(now), nil
}

// HistoryRow is the row of a month whose overview has this period. days is on how many days
// anything was seen, nil where that is not known.
func HistoryRow(month rollup.MonthID, p published.Period, days *int) published.HistoryMonth {
	return published.HistoryMonth{
		Month:                month,
		Clusters:             &p.Clusters,
		TotalNodes:           &p.TotalNodes,
		AvgNodesPerCluster:   &p.AvgNodesPerCluster,
		TotalTenants:         &p.TotalTenants,
		AvgTenantsPerCluster: &p.AvgTenantsPerCluster,
		Apps:                 p.Apps,
		ConfirmedClusters:    p.ConfirmedClusters,
		Confirmed:            p.Confirmed,
		DaysWithData:         days,
		Source:               &p.Source,
		Complete:             &p.Complete,
		Published:            &p.Published,
	}
}

// daysOf is on how many days any cluster was seen, nil for a month that the original server
// has left: it did not write that down.
func daysOf(s rollup.Snapshot) *int {
	if s.Source == rollup.SourceImported {
		return nil
	}
	return &s.DaysWithData
}

// ProductHistory does for another product than cozystack what History does. Of a product
// that is not answered for the error is [ErrNoProduct].
func (o *Overview) ProductHistory(ctx context.Context, name string, from, to rollup.MonthID) (h *published.ProductHistory, settled bool, err error) {
	p, err := o.productOf(name)
	if err != nil {
		return nil, false, err
	}
	months, err := monthsOf(window{from, to}, func(id rollup.MonthID) (leased[rollup.ProductSnapshot], error) {
		return o.productMonth(ctx, p, id)
	})
	if err != nil {
		return nil, false, err
	}
	b := &productBuilder{Overview: o, product: p}
	h = &published.ProductHistory{Product: name, From: from, To: to}
	var collected time.Time
	for i, m := range months {
		id := from + rollup.MonthID(i)
		row := published.ProductHistoryMonth{Month: id}
		if m.err == nil {
			row = ProductHistoryRow(id, b.mean(window{id, id}, known(months[i:i+1])), m.value.DaysWithData)
			collected = latest(collected, m.value.CollectedAt)
		}
		h.Months = append(h.Months, row)
	}
	h.GeneratedAt = generatedAt(collected)
	now := o.cfg.Now()
	return h, hold(now, months, b.isSettled).isLasting(now), nil
}

// ProductHistoryRow does for another product what HistoryRow does.
func ProductHistoryRow(month rollup.MonthID, p published.ProductPeriod, days int) published.ProductHistoryMonth {
	return published.ProductHistoryMonth{
		Month:        month,
		Instances:    &p.Instances,
		Reports:      &p.Reports,
		Metrics:      p.Metrics,
		Shares:       p.Shares,
		DaysWithData: &days,
		Source:       &p.Source,
		Complete:     &p.Complete,
	}
}

// monthsOf returns all months of a window. Where nothing is known of any, it is the error of
// one that could not be asked for, if there is such a month.
func monthsOf[S any](w window, load func(rollup.MonthID) (leased[S], error)) ([]monthly[S], error) {
	months := make([]monthly[S], w.months())
	if err := loadMonths(months, w.from, load); err != nil {
		return nil, err
	}
	var unknown error
	for _, m := range months {
		if m.err == nil {
			return months, nil
		}
		if unknown == nil || errors.Is(m.err, errUnseen) {
			unknown = m.err
		}
	}
	return nil, unknown
}

// latest returns the later of two instants.
func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
