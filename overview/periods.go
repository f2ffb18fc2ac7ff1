package overview

import (
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// monthsAtOnce bounds the months of a year that are computed at a time. Two keep
// vmselect busy, and let the first ones be ready when time runs out.
const monthsAtOnce = 2

// monthly is one month of a year: a snapshot, or the reason why there is none.
type monthly[S any] struct {
	leased[S]
	err error
}

// yearOf returns the twelve months that end with a month. That month must be
// there. Another one may be without data, or unseen: then nobody but a vmselect
// that does not answer could know of it. One that has been seen is not left out.
func yearOf[S any](id rollup.MonthID, load func(rollup.MonthID) (leased[S], error)) ([]monthly[S], error) {
	const n = 12
	year := make([]monthly[S], n)
	asked := &year[n-1]
	if asked.leased, asked.err = load(id); asked.err != nil {
		return nil, asked.err
	}
	return year, loadMonths(year[:n-1], id-n+1, load)
}

// loadMonths loads the months from one on, some at a time. One may be without data, or
// unseen; one that has been seen is not left out.
func loadMonths[S any](months []monthly[S], from rollup.MonthID, load func(rollup.MonthID) (leased[S], error)) error {
	var g errgroup.Group
	g.SetLimit(monthsAtOnce)
	for i := range months {
		g.Go(func() error {
			m := &months[i]
			m.leased, m.err = load(from + rollup.MonthID(i))
			if m.err != nil && !isUnknown(m.err) {
				return m.err
			}
			return nil
		})
	}
	return g.Wait()
}

// isUnknown tells whether an error says of a month that nothing is known of it.
func isUnknown(err error) bool { return errors.Is(err, ErrNoData) || errors.Is(err, errUnseen) }

// known returns the months that there are.
func known[S any](months []monthly[S]) (data []S) {
	for _, m := range months {
		if m.err == nil {
			data = append(data, m.value)
		}
	}
	return data
}

func (w window) names() published.Names {
	return published.Names{Label: w.label(), Start: w.from.First().String(), End: w.to.Last().String()}
}

// divide rounds half away from zero. Neither number is negative.
func divide(n, by int64) int64 { return (2*n + by) / (2 * by) }

// mean is the period of a window as the mean of its months with data; of one
// month it is that month.
func (o *Overview) mean(w window, data []rollup.Snapshot) published.Period {
	p := published.Period{
		Names:     w.names(),
		Source:    data[0].Source,
		Complete:  len(data) == w.months(),
		Months:    len(data),
		Published: Seen,
	}
	sum := sum{kinds: map[string]int64{}}
	for _, s := range data {
		sum.add(s.Clusters, s.TotalNodes, s.TotalTenants, kindsOf(s))
		if s.Source != p.Source {
			p.Source = rollup.SourceMixed
		}
		p.Complete = p.Complete && o.covers(s)
	}
	p.Counts = o.divided(sum)
	return p
}

// sum adds up the figures of n months.
type sum struct {
	n, clusters, nodes, tenants int64
	kinds                       map[string]int64
}

func (s *sum) add(clusters, nodes, tenants int64, kinds map[string]int64) {
	s.n++
	s.clusters += clusters
	s.nodes += nodes
	s.tenants += tenants
	for kind, count := range kinds {
		s.kinds[kind] += count
	}
}

// divided returns the mean of a sum.
func (o *Overview) divided(s sum) published.Counts {
	c := published.Counts{
		Clusters:     divide(s.clusters, s.n),
		TotalNodes:   divide(s.nodes, s.n),
		TotalTenants: divide(s.tenants, s.n),
		// All months are named at once, so that no application shows under the names
		// of two of them.
		Apps: o.apps.ByApp(s.kinds),
	}
	for app, total := range c.Apps {
		c.Apps[app] = divide(total, s.n)
	}
	o.nameTenants(c.Apps, c.TotalTenants)
	o.dropUnlisted(c.Apps)
	c.AvgNodesPerCluster = published.PerCluster(c.TotalNodes, c.Clusters)
	c.AvgTenantsPerCluster = published.PerCluster(c.TotalTenants, c.Clusters)
	return c
}

// kindsOf returns the kinds of a snapshot. Those of an imported month are not
// known; its applications stand for them, and are named like kinds.
func kindsOf(s rollup.Snapshot) map[string]int64 {
	if s.Source == rollup.SourceImported {
		return s.Apps
	}
	return s.Kinds
}

// dropUnlisted removes the unlisted applications whose mean was rounded to 0.
func (o *Overview) dropUnlisted(apps map[string]int64) {
	listed := o.apps.ByApp(nil)
	for app, n := range apps {
		if _, ok := listed[app]; !ok && n == 0 {
			delete(apps, app)
		}
	}
}

// covers tells whether a snapshot holds all of its month, and nothing that is excluded:
// it was collected after the end, and every day has data. Whether the original server missed a day is
// not known of what it left.
func (o *Overview) covers(s rollup.Snapshot) bool {
	if s.CollectedAt.Before(s.Month.End()) || o.exclusions().Stale(s) {
		return false
	}
	return s.Source == rollup.SourceImported ||
		s.DaysWithData == s.Month.Days() && o.seesAll(s.Source)
}

// seesAll tells whether a source knows the reports that other replicas took.
func (o *Overview) seesAll(s rollup.Source) bool {
	return s != rollup.SourceRollups || o.cfg.Replicas == 1
}
