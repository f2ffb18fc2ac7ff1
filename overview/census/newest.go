package census

import (
	"cmp"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Metrics that only the census counts.
const (
	metricCapacity = "cozy_cluster_capacity"
	metricVolumes  = "cozy_pvs_count"
	metricPackages = "cozy_package_info"
)

// everyMetric is what all figures need.
var everyMetric = []string{rollup.MetricInfo, rollup.MetricNodes, metricCapacity, metricVolumes, metricPackages}

// Labels that are read, by metric.
const (
	labelVersion    = "cozystack_version"
	labelKubernetes = "kubernetes_version"
	labelOS         = "os"
	labelKernel     = "kernel"
	labelResource   = "resource"
	labelDriver     = "driver"
	labelName       = "name"
	labelVariant    = "variant"
)

// sheet has the series of one cluster's month, by metric.
type sheet struct {
	info, nodes, capacity, volumes, packages series
	// mostNodes is the highest number that one report had.
	mostNodes float64
}

// series are those of one metric. The newest are those of the last hour that had any.
type series struct {
	peaks []*rollup.Peak
	hour  uint16
}

func (s *series) add(p *rollup.Peak) {
	s.peaks = append(s.peaks, p)
	s.hour = max(s.hour, p.Seen)
}

// enter fills the sheet. It keeps pointers into the month.
func (s *sheet) enter(m rollup.Month) {
	for _, part := range []*series{&s.info, &s.nodes, &s.capacity, &s.volumes, &s.packages} {
		part.peaks, part.hour = part.peaks[:0], 0
	}
	s.mostNodes = metricOf(m, rollup.MetricNodes).Peak
	for i := range m.Peaks {
		p := &m.Peaks[i]
		switch p.Series.Metric() {
		case rollup.MetricInfo:
			s.info.add(p)
		case rollup.MetricNodes:
			s.nodes.add(p)
		case metricCapacity:
			s.capacity.add(p)
		case metricVolumes:
			s.volumes.add(p)
		case metricPackages:
			s.packages.add(p)
		}
	}
}

// newest calls fn for the series that the newest report had: those of its hour. Where hours
// are not known, these are all.
func (s *series) newest(fn func(p *rollup.Peak)) {
	for _, p := range s.peaks {
		if p.Seen == s.hour {
			fn(p)
		}
	}
}

// most returns the value that most of the newest series stand for, each counted with its
// peak: of a cluster with two systems that of most nodes. Equal ones are ordered by text.
func (s *series) most(label string, read words) (value string) {
	sums := make(map[string]float64, 2)
	s.newest(func(p *rollup.Peak) {
		if v := read(p.Series.Label(label)); v != "" {
			sums[v] += p.Peak
		}
	})
	for v, sum := range sums {
		if sum > 0 && (value == "" || sum > sums[value] || sum == sums[value] && v > value) {
			value = v
		}
	}
	return value
}

// sum adds up the newest series.
func (s *series) sum() (sum float64) {
	s.newest(func(p *rollup.Peak) { sum += p.Peak })
	return sum
}

// last returns the one series of those that always have the same value, such as
// cozy_cluster_info, that was reported last; nil if there is none. A value that stays has
// its peak on its last day. Of two in one hour it is the later version: clusters go up.
func (s *series) last() (last *rollup.Peak) {
	for _, p := range s.peaks {
		if last == nil || compareLast(p, last) > 0 {
			last = p
		}
	}
	return last
}

func compareLast(a, b *rollup.Peak) int {
	return cmp.Or(
		cmp.Compare(a.Seen, b.Seen), cmp.Compare(a.PeakDay, b.PeakDay),
		semver.Compare(version(a.Series.Label(labelVersion)), version(b.Series.Label(labelVersion))),
		strings.Compare(string(a.Series), string(b.Series)),
	)
}

func metricOf(m rollup.Month, metric string) rollup.MetricMonth {
	for _, mm := range m.Metrics {
		if mm.Metric == metric {
			return mm
		}
	}
	return rollup.MetricMonth{}
}
