package fold

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// monthSum adds up one instance's records of one month. It reads records as they
// lie in the file and decodes only what the fold wants. A worker has one and takes
// month after month with it: between two takes all of it is of one month's index.
type monthSum struct {
	peak     []float64 // by place in Index.series; notSeen where nothing was added
	touched  []int32   // the places of the series seen
	metrics  []metricSum
	reported []int32 // the places of the metrics seen
	// daySums adds up the peaks of the record at hand by metric; the metrics that
	// it lacks are notSeen. dayMetrics are those that it has.
	daySums    []float64
	dayMetrics []int32
	// lastDay is the day's record taken last, whose daySums still stand.
	lastDay []byte
}

type metricSum struct {
	peak float64
	days rollup.DaySet
}

const notSeen = -1

// fit makes room for a month's series and metrics.
func (m *monthSum) fit(x *Index) {
	m.peak = fit(m.peak, len(x.series), notSeen)
	m.metrics = fit(m.metrics, len(x.metrics), metricSum{})
	m.daySums = fit(m.daySums, len(x.metrics), notSeen)
}

// fit returns a slice of at least n elements; new ones are empty.
func fit[E any](s []E, n int, empty E) []E {
	s = slices.Grow(s, max(n-len(s), 0))
	for len(s) < n {
		s = append(s, empty)
	}
	return s
}

// point takes a series' peak.
func (m *monthSum) point(place int32, peak float64) {
	if m.peak[place] == notSeen {
		m.touched = append(m.touched, place)
	}
	m.peak[place] = max(m.peak[place], peak)
}

// addDay takes a day's record; codec.go tells what stands in it. The days of a
// month share a dictionary, and most days of an instance are like the one before:
// the same bytes then say the same, and need not be read again.
func (m *monthSum) addDay(b []byte, series []meaning, days rollup.DaySet) error {
	if m.lastDay == nil || !bytes.Equal(b, m.lastDay) {
		m.forgetDay()
		if err := m.takeDay(b, series); err != nil {
			return err
		}
		m.lastDay = b
	}
	for _, place := range m.dayMetrics {
		m.metric(place, m.daySums[place], days)
	}
	return nil
}

func (m *monthSum) forgetDay() {
	for _, place := range m.dayMetrics {
		m.daySums[place] = notSeen
	}
	m.dayMetrics, m.lastDay = m.dayMetrics[:0], nil
}

// takeDay takes a record's peaks, and leaves its sums in daySums.
func (m *monthSum) takeDay(b []byte, series []meaning) error {
	r := record.ReadDay(b)
	for range r.Count() {
		p := r.Point()
		if p.Number >= uint64(len(series)) {
			return fmt.Errorf("%w: series %d of %d", dberrors.ErrDamaged, p.Number, len(series))
		}
		s := series[p.Number]
		if s.series == notWanted {
			continue
		}
		m.point(s.series, p.Peak)
		if m.daySums[s.metric] == notSeen {
			m.dayMetrics = append(m.dayMetrics, s.metric)
		}
		m.daySums[s.metric] = min(max(m.daySums[s.metric], 0)+p.Peak, rollup.MaxValue)
	}
	for range r.Count() {
		number, sum := r.Sum()
		if number >= uint64(len(series)) {
			return fmt.Errorf("%w: metric %d of %d", dberrors.ErrDamaged, number, len(series))
		}
		metric := series[number].metric
		if metric == notWanted {
			continue
		}
		if m.daySums[metric] == notSeen {
			return fmt.Errorf("%w: a sum of metric %d without a series", dberrors.ErrDamaged, number)
		}
		m.daySums[metric] = sum
	}
	return r.Done()
}

// addMonth takes a month's record.
func (m *monthSum) addMonth(b []byte, series []meaning) error {
	r := record.ReadMonth(b)
	for range r.Count() {
		number, peak := r.Peak()
		if number >= uint64(len(series)) {
			return fmt.Errorf("%w: series %d of %d", dberrors.ErrDamaged, number, len(series))
		}
		if s := series[number]; s.series != notWanted {
			m.point(s.series, peak)
		}
	}
	for range r.Count() {
		number, peak, days := r.Metric()
		if number >= uint64(len(series)) {
			return fmt.Errorf("%w: metric %d of %d", dberrors.ErrDamaged, number, len(series))
		}
		if metric := series[number].metric; metric != notWanted {
			m.metric(metric, peak, days)
		}
	}
	return r.Done()
}

func (m *monthSum) metric(place int32, peak float64, days rollup.DaySet) {
	sum := &m.metrics[place]
	if sum.days == 0 {
		m.reported = append(m.reported, place)
	}
	sum.peak = max(sum.peak, peak)
	sum.days |= days
}

// take fills a month with what was added since the last take, in the order of the
// index. What the month had is written over.
func (m *monthSum) take(x *Index, into *rollup.Month) {
	into.Peaks, into.Metrics = into.Peaks[:0], into.Metrics[:0]
	m.forgetDay()
	slices.Sort(m.touched)
	for _, place := range m.touched {
		into.Peaks = append(into.Peaks, rollup.Peak{Series: x.series[place], Value: m.peak[place]})
		m.peak[place] = notSeen
	}
	slices.Sort(m.reported)
	for _, place := range m.reported {
		s := m.metrics[place]
		into.Metrics = append(into.Metrics, rollup.MetricMonth{Metric: x.metrics[place], Peak: s.peak, Days: s.days})
		m.metrics[place] = metricSum{}
	}
	m.touched, m.reported = m.touched[:0], m.reported[:0]
}
