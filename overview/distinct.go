package overview

import (
	"context"
	"slices"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// distinct is the period of a window counted as one: a cluster that was seen in
// two months is one cluster, and its peaks are those of the window. until says
// how long it holds.
func (o *Overview) distinct(asking context.Context, w window, data []rollup.Snapshot) (p published.Period, until time.Time) {
	c, err := o.count(asking, w)
	defer func() { p.Confirmed = o.distinctConfirmed(c.figures) }()
	// A window has at least the clusters of each of its months. Where the sources
	// know less, or can't be asked, the largest month is nearest to the truth.
	if largest := largestOf(data); largest.Clusters > c.clusters || err != nil {
		p = o.mean(w, []rollup.Snapshot{largest})
		p.Months, p.Complete = len(data), false
		return p, c.until
	}
	p = o.mean(w, []rollup.Snapshot{o.snapshot(w.to, c)})
	p.Months = len(data)
	p.Complete = c.days == w.length() && !c.at.Before(w.end()) && o.seesAll(c.source)
	p.UniqueClusters, p.ConfirmedClusters = &c.clusters, &c.confirmedClusters
	return p, c.until
}

// uniqueShare is the part of the time for vmselect that the distinct count of an
// average may take: the answer is worth more without it than late.
const uniqueShare = 4

// unique returns how many distinct clusters a window of several months has seen,
// and how many are confirmed; nil where no source knows as much as the months do
// and the other source does. until says how long that holds.
func (o *Overview) unique(asking context.Context, w window, data []rollup.Snapshot) (unique, confirmed *int64, until time.Time) {
	until = o.cfg.Now().Add(forever)
	if len(data) == 1 {
		return &data[0].Clusters, data[0].ConfirmedClusters, until // no other month adds any
	}
	own, err := o.fold(w)
	if err == nil && knowsAll(own, w, data) {
		return &own.clusters, &own.confirmedClusters, until
	}
	asking, cancel := context.WithTimeout(asking, o.cfg.QueryBudget/uniqueShare)
	defer cancel()
	excluded := o.exclusions()
	heard, err := o.hear(asking, w, presence, excluded)
	if err != nil {
		return nil, nil, o.cfg.Now().Add(o.cfg.CurrentTTL)
	}
	if !o.asks(excluded) || heard.value.clusters < max(largestOf(data).Clusters, own.clusters) {
		return nil, nil, until
	}
	return &heard.value.clusters, &heard.value.confirmedClusters, heard.until
}

// knowsAll tells whether the rollups have seen no fewer clusters than each
// month's snapshot.
func knowsAll(own figures, w window, data []rollup.Snapshot) bool {
	for _, s := range data {
		if own.monthClusters[s.Month-w.from] < s.Clusters {
			return false
		}
	}
	return true
}

// largestOf returns the month with the most clusters.
func largestOf(data []rollup.Snapshot) rollup.Snapshot {
	return slices.MaxFunc(data, rollup.Snapshot.Compare)
}
