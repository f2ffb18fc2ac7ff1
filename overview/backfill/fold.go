package backfill

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// together is how far apart the samples of one report may be. VictoriaMetrics
// gives a whole request one time only when it reads it in one go: of a report of
// some kilobytes the parts are some milliseconds apart.
const together = time.Second

// errTooMuch is returned when the samples of an answer are more than may be held.
var errTooMuch = errors.New("backfill: more samples than fit into memory")

// fold rebuilds the days of some clusters from their samples, which may come in
// any order and more than once.
type fold struct {
	rules    Rules
	from, to int64 // milliseconds: from is in it, to is not
	clusters map[string]*clusterFold
	// room is how many samples may still be held. A series counts as seriesRoom.
	room int
	// samples counts those that were taken, skipped those that no report may have:
	// all of them once days were made.
	samples int64
	skipped Skipped
}

type clusterFold struct {
	metrics map[string]*metricFold
	derived []sample
}

// metricFold holds one metric of a cluster.
type metricFold struct {
	points  []rollup.Point
	index   map[rollup.Series]int32 // into points
	samples []sample
}

type sample struct {
	at     int64 // milliseconds
	value  float64
	series int32 // into points; isDerived
}

// seriesRoom is the memory of a series, in samples.
const seriesRoom = 16

// isDerived marks a sample that is itself a sum.
const isDerived = -1

func newFold(rules Rules, ids []string, from, to time.Time, room int) *fold {
	f := &fold{
		rules: rules, from: from.UnixMilli(), to: to.UnixMilli(), room: room,
		clusters: make(map[string]*clusterFold, len(ids)), skipped: make(Skipped),
	}
	for _, id := range ids {
		f.clusters[id] = &clusterFold{metrics: make(map[string]*metricFold)}
	}
	return f
}

// add takes a line of the export.
func (f *fold) add(l line) error {
	c, metric, series, why := f.place(l.labels)
	return l.each(func(at int64, value float64, fine bool) error {
		switch {
		case at < f.from || at >= f.to:
			return nil
		case why != "":
			f.skipped[why]++
			return nil
		case !fine:
			f.skipped[noValue]++
			return nil
		case f.room <= 0:
			return errTooMuch
		}
		f.samples++
		f.room--
		if metric == rollup.MetricClusterNodes {
			c.derived = append(c.derived, sample{at, value, isDerived})
			return nil
		}
		if c.metric(metric).add(series, at, value) {
			f.room -= seriesRoom
		}
		return nil
	})
}

// Why samples are skipped, beside what the rules say.
const (
	noSeries = "series" // without a valid name, or of no cluster
	noValue  = "value"
)

// place finds out what a line is about, and why no report may have it.
func (f *fold) place(labels map[string]string) (c *clusterFold, metric string, series rollup.Series, why string) {
	c, metric = f.clusters[labels[rollup.LabelCluster]], labels[model.MetricNameLabel]
	if c == nil || !model.LegacyValidation.IsValidMetricName(metric) {
		return nil, "", "", noSeries
	}
	rest := make([]rollup.Label, 0, len(labels))
	for name, value := range labels {
		if name == rollup.LabelCluster || name == model.MetricNameLabel {
			continue
		}
		if !model.LegacyValidation.IsValidLabelName(name) {
			return nil, "", "", noSeries
		}
		rest = append(rest, rollup.Label{Name: name, Value: value})
	}
	if metric != rollup.MetricClusterNodes {
		why = f.rules.Series(metric, rest)
	}
	return c, metric, rollup.NewSeries(metric, rest), why
}

func (c *clusterFold) metric(name string) *metricFold {
	m := c.metrics[name]
	if m == nil {
		m = &metricFold{index: make(map[rollup.Series]int32)}
		c.metrics[name] = m
	}
	return m
}

// add reports whether the series is new.
func (m *metricFold) add(series rollup.Series, at int64, value float64) (isNew bool) {
	hour := uint8(time.UnixMilli(at).UTC().Hour())
	i, known := m.index[series]
	if !known {
		i = int32(len(m.points))
		m.index[series] = i
		m.points = append(m.points, rollup.Point{Series: series, Peak: value, Last: value, Hour: hour})
	}
	p := &m.points[i]
	p.Peak = max(p.Peak, value)
	if cmp.Or(cmp.Compare(hour, p.Hour), cmp.Compare(value, p.Last)) > 0 {
		p.Last, p.Hour = value, hour
	}
	m.samples = append(m.samples, sample{at, value, i})
	return !known
}

// days returns the clusters that have any sample, in the order of their ids.
func (f *fold) days() []rollup.InstanceDay {
	var days []rollup.InstanceDay
	for _, id := range slices.Sorted(maps.Keys(f.clusters)) {
		if d := f.day(f.clusters[id]); !d.IsZero() {
			days = append(days, rollup.InstanceDay{Instance: id, Day: d})
		}
	}
	return days
}

func (f *fold) day(c *clusterFold) rollup.Day {
	for why, n := range c.refuse(f.rules) {
		f.samples -= n
		f.skipped[why] += n
	}
	return c.day()
}

func (c *clusterFold) day() rollup.Day {
	var d rollup.Day
	for _, metric := range slices.Sorted(maps.Keys(c.metrics)) {
		m := c.metrics[metric]
		if metric == rollup.MetricNodes {
			m.samples = append(m.samples, c.derived...)
		}
		d.Sums = append(d.Sums, rollup.Sum{Metric: metric, Peak: m.peak()})
		d.Points = append(d.Points, m.points...)
		first, last := m.hours()
		if len(d.Sums) == 1 {
			d.First, d.Last = first, last
		}
		d.First, d.Last = min(d.First, first), max(d.Last, last)
	}
	slices.SortFunc(d.Points, comparePoints)
	return d
}

func comparePoints(a, b rollup.Point) int { return cmp.Compare(a.Series, b.Series) }

func (m *metricFold) hours() (first, last uint8) {
	m.sort()
	hour := func(s sample) uint8 { return uint8(time.UnixMilli(s.at).UTC().Hour()) }
	return hour(m.samples[0]), hour(m.samples[len(m.samples)-1])
}

func (m *metricFold) sort() {
	byTime := func(a, b sample) int { return cmp.Compare(a.at, b.at) }
	if !slices.IsSortedFunc(m.samples, byTime) {
		slices.SortFunc(m.samples, byTime)
	}
}

// peak returns the highest sum of one report.
func (m *metricFold) peak() (peak float64) {
	m.sort()
	order := make([]int32, len(m.points))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return comparePoints(m.points[a], m.points[b]) })
	report := make([]float64, len(order))
	for rest := m.samples; len(rest) > 0; {
		n := reportLength(rest)
		peak = max(peak, sum(rest[:n], order, report))
		rest = rest[n:]
	}
	return peak
}

// reportLength returns how many of the samples, sorted by time, are of the first
// one's report.
func reportLength(samples []sample) int {
	n := 1
	for n < len(samples) && samples[n].at-samples[0].at < together.Milliseconds() {
		n++
	}
	return n
}

// sum adds up one report, in the given order of the series. A series that comes
// twice in it counts once, with its higher value. Where there is the derived sum,
// it is the one. report is room for a value per series.
func sum(samples []sample, order []int32, report []float64) (sum float64) {
	clear(report)
	derived, known := 0.0, false
	for _, s := range samples {
		if s.series == isDerived {
			derived, known = max(derived, s.value), true
			continue
		}
		report[s.series] = max(report[s.series], s.value)
	}
	if known {
		return derived
	}
	for _, i := range order {
		sum = min(sum+report[i], rollup.MaxValue)
	}
	return sum
}
