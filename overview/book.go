package overview

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// book has the numbers by which tables name clusters and series. Tables of one
// book can be joined. It only grows; who wants to forget begins a new one.
type book struct {
	// keep bounds the kinds of a flood, as [Apps] has it.
	keep     func(kinds map[string]int64) map[string]int64
	clusters numbering
	// series are those that count applications or tenants; uses tells what for.
	series numbering
	uses   []use
	// whole is how many series there were when a month was last read to its end: no table
	// has others.
	whole int
	// later is how many of them have come when months were read again.
	later int
}

// use is what a series is counted for.
type use uint8

const (
	anApplication use = iota
	newTenants        // an application of the kind of tenants
	oldTenants        // as clients before v1.0 send them
)

// everyMetric is what all figures need.
var everyMetric = []string{rollup.MetricInfo, rollup.MetricNodes, rollup.MetricApplications, rollup.MetricTenants}

// manySeries is far more than a month has that no other one has: only a flood
// reaches it.
const manySeries = 20_000

// folder is Fold or FoldAll of a [Store].
type folder func(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(instance string, months []rollup.Month) error) error

// read folds a month into a table.
func (b *book) read(ctx context.Context, fold folder, id rollup.MonthID) (*table, error) {
	t := &table{months: []monthPresence{{month: id}}}
	var e entry
	err := fold(ctx, rollup.Cozystack, id, id, everyMetric, func(instance string, months []rollup.Month) error {
		b.put(t, instance, &e, months[0])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return b.bounded(t), nil
}

// bounded returns the table of a month that was read to its end, without what a flood has
// left, also in a reading that failed before.
func (b *book) bounded(t *table) *table {
	if b.series.len()-b.whole > manySeries {
		t = b.sift(t, b.whole)
	}
	b.whole = b.series.len()
	return t
}

// put enters a cluster's month into the table of that month.
func (b *book) put(t *table, instance string, e *entry, m rollup.Month) (cluster uint32, seen clusterPresence) {
	seen = b.enter(e, m)
	t.months[0].add(seen)
	cluster, _ = b.clusters.number(instance)
	t.put(cluster, e)
	return cluster, seen
}

// enter writes down a cluster's month.
func (b *book) enter(e *entry, m rollup.Month) clusterPresence {
	e.reset()
	dated := true
	seen := metricOf(m, rollup.MetricInfo).Days
	e.days = seen.Len()
	nodes := metricOf(m, rollup.MetricNodes)
	e.nodes = highest{nodes.Peak, nodes.Second}
	for _, mm := range m.Metrics {
		dated = dated && mm.Known()
	}
	for i := range m.Peaks {
		p := &m.Peaks[i] // a large one
		dated = dated && p.Known()
		if metric := countedBy(p.Series); metric != "" {
			e.peaks = append(e.peaks, seriesPeak{b.number(metric, p.Series), highest{p.Peak, p.Second}})
		}
	}
	slices.SortFunc(e.peaks, func(x, y seriesPeak) int { return cmp.Compare(x.series, y.series) })
	return clusterPresence{seen, !dated}
}

// countedBy returns the metric of a series that counts applications or tenants, else "".
func countedBy(s rollup.Series) string {
	for _, metric := range [...]string{rollup.MetricApplications, rollup.MetricTenants} {
		if rest, ok := strings.CutPrefix(string(s), metric); ok && (rest == "" || rest[0] == '{') {
			return metric
		}
	}
	return ""
}

func (b *book) number(metric string, s rollup.Series) uint32 {
	i, added := b.series.number(shorten(metric, s))
	if added {
		b.uses = append(b.uses, useOf(metric, s))
	}
	return i
}

func useOf(metric string, s rollup.Series) use {
	switch {
	case metric == rollup.MetricTenants:
		return oldTenants
	case s.Label(rollup.LabelKind) == rollup.KindTenant:
		return newTenants
	}
	return anApplication
}

// shorten leaves out what most series have in common, the applications' metric;
// lengthen puts it back. No metric's name begins with a brace, nor is one empty.
func shorten(metric string, s rollup.Series) string {
	if metric == rollup.MetricApplications {
		return string(s[len(metric):])
	}
	return string(s)
}

func lengthen(short []byte) rollup.Series {
	if len(short) == 0 || short[0] == '{' {
		return rollup.Series(rollup.MetricApplications + string(short))
	}
	return rollup.Series(short)
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
