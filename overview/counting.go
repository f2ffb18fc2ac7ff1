package overview

import (
	"math"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// figures are the counts of one window from one source.
type figures struct {
	// known is false when the source has nothing at all of the window.
	known bool
	// clusters, nodes and tenants are what the page shows.
	clusters, nodes, tenants int64
	// kinds has the applications by the kind that clusters report.
	kinds map[string]int64
	// confirmed counts the clusters that were seen on enough distinct days.
	confirmed int64
	// days counts the days on which any cluster was seen.
	days int
	// monthClusters counts the clusters of each month of the window. Only the
	// rollups fill it.
	monthClusters []int64
}

// everyMetric is what all figures need; presence needs the first one alone.
var everyMetric = []string{rollup.MetricInfo, rollup.MetricNodes, rollup.MetricApplications, rollup.MetricTenants}

// kindTotal is the running total of one kind over all instances.
type kindTotal struct {
	kind string
	sum  float64
}

// counter adds up instances. Each one counts with its peaks over the window.
type counter struct {
	confirmDays int

	known               bool
	clusters, confirmed int64
	nodes, tenants      float64
	monthClusters       []int64
	monthDays           []rollup.DaySet
	kinds               map[string]*kindTotal
	// bySeries spares the search for the label: clusters report the same series.
	bySeries map[rollup.Series]*kindTotal
}

func newCounter(months, confirmDays int) *counter {
	return &counter{
		confirmDays:   confirmDays,
		monthClusters: make([]int64, months),
		monthDays:     make([]rollup.DaySet, months),
		kinds:         map[string]*kindTotal{},
		bySeries:      map[rollup.Series]*kindTotal{},
	}
}

// add counts one instance, given its months of the window.
func (c *counter) add(months []rollup.Month) {
	// The peaks of several months merge like those of one. The days do not, they
	// are counted month by month.
	var peaks rollup.Month
	days := 0
	for i, m := range months {
		peaks = peaks.Merge(m)
		if seen := metricOf(m, rollup.MetricInfo).Days; seen != 0 {
			c.monthClusters[i]++
			c.monthDays[i] |= seen
			days += seen.Len()
		}
	}
	if len(peaks.Metrics) == 0 {
		return
	}
	c.known = true
	if days > 0 {
		c.clusters++
	}
	if days >= c.confirmDays {
		c.confirmed++
	}
	c.nodes += metricOf(peaks, rollup.MetricNodes).Peak
	c.addSeries(peaks.Peaks)
}

// addSeries adds an instance's applications and tenants.
func (c *counter) addSeries(peaks []rollup.Peak) {
	var newTenants, oldTenants float64
	for _, p := range peaks {
		switch p.Series.Metric() {
		case rollup.MetricTenants:
			oldTenants += p.Value
		case rollup.MetricApplications:
			k := c.total(p.Series)
			k.sum += p.Value
			if k.kind == rollup.KindTenant {
				newTenants += p.Value
			}
		}
	}
	// A cluster that was upgraded in the window has sent its tenants both ways.
	c.tenants += max(newTenants, oldTenants)
}

func (c *counter) total(s rollup.Series) *kindTotal {
	if k, ok := c.bySeries[s]; ok {
		return k
	}
	kind := s.Label(rollup.LabelKind)
	k, ok := c.kinds[kind]
	if !ok {
		k = &kindTotal{kind: kind}
		c.kinds[kind] = k
	}
	c.bySeries[s] = k
	return k
}

func (c *counter) figures() figures {
	f := figures{
		known:         c.known,
		clusters:      c.clusters,
		nodes:         round(c.nodes),
		tenants:       round(c.tenants),
		kinds:         make(map[string]int64, len(c.kinds)),
		confirmed:     c.confirmed,
		monthClusters: c.monthClusters,
	}
	for kind, t := range c.kinds {
		if kind != "" {
			f.kinds[kind] = round(t.sum)
		}
	}
	for _, d := range c.monthDays {
		f.days += d.Len()
	}
	return f
}

// metricOf returns what a month knows of a metric. Few metrics are asked for, so
// that a search from the start is the fastest.
func metricOf(m rollup.Month, metric string) rollup.MetricMonth {
	for _, mm := range m.Metrics {
		if mm.Metric == metric {
			return mm
		}
	}
	return rollup.MetricMonth{}
}

// round makes a count of a sum: half away from zero, saturated where a float64
// stops to hold every integer.
func round(v float64) int64 { return int64(math.Round(min(v, rollup.MaxValue))) }
