package store

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// monthSum adds up one instance's records of one month. It reads records as they
// lie in the file and decodes only what the fold wants.
type monthSum struct {
	peak    []float64 // by series in foldIndex; notSeen where nothing was added
	touched []int32   // the ranks of the series seen
	metrics []metricSum
	month   rollup.Month // what take returns, reused
	// daySums adds up the peaks of the record at hand by metric; the metrics that
	// it lacks are notSeen.
	daySums []float64
	// lastDay is the day's record taken last, whose daySums still stand.
	lastDay []byte
}

type metricSum struct {
	peak float64
	days rollup.DaySet
}

const notSeen = -1

func (m *monthSum) init(x *foldIndex) {
	m.peak = slices.Repeat([]float64{notSeen}, len(x.series.texts))
	m.metrics = make([]metricSum, len(x.metrics.texts))
	m.daySums = make([]float64, len(x.metrics.texts))
}

// point takes a series' peak.
func (m *monthSum) point(id int32, peak float64) {
	if m.peak[id] == notSeen {
		m.touched = append(m.touched, id)
	}
	m.peak[id] = max(m.peak[id], peak)
}

// addDay takes a day's record; codec.go tells what stands in it. The days of a
// month share a dictionary, and most days of an instance are like the one before:
// the same bytes then say the same, and need not be read again.
func (m *monthSum) addDay(b []byte, series []foldSeries, days rollup.DaySet) error {
	if m.lastDay == nil || !bytes.Equal(b, m.lastDay) {
		m.lastDay = nil
		if err := m.readDay(b, series); err != nil {
			return err
		}
		m.lastDay = b
	}
	for i, sum := range m.daySums {
		if sum != notSeen {
			m.metric(int32(i), sum, days)
		}
	}
	return nil
}

// readDay takes a record's peaks, and leaves its sums in daySums.
func (m *monthSum) readDay(b []byte, series []foldSeries) error {
	for i := range m.daySums {
		m.daySums[i] = notSeen
	}
	r := reader{b: b}
	r.hour()
	r.hour()
	next := uint64(0)
	for range r.count() {
		head := r.uvarint()
		id := next + head>>dayFlagBits
		next = id + 1
		peak := r.value()
		if head&flagLast != 0 {
			r.value()
		}
		if head&flagHour != 0 {
			r.hour()
		}
		if id >= uint64(len(series)) {
			return fmt.Errorf("%w: series %d of %d", ErrDamaged, id, len(series))
		}
		s := series[id]
		if s.series == notWanted {
			continue
		}
		m.point(s.series, peak)
		m.daySums[s.metric] = min(max(m.daySums[s.metric], 0)+peak, rollup.MaxValue)
	}
	for range r.count() {
		id, sum := r.uvarint(), r.value()
		if id >= uint64(len(series)) {
			return fmt.Errorf("%w: metric %d of %d", ErrDamaged, id, len(series))
		}
		metric := series[id].metric
		if metric == notWanted {
			continue
		}
		if m.daySums[metric] == notSeen {
			return fmt.Errorf("%w: a sum of metric %d without a series", ErrDamaged, id)
		}
		m.daySums[metric] = sum
	}
	return r.done()
}

// addMonth takes a month's record.
func (m *monthSum) addMonth(b []byte, series []foldSeries) error {
	r := reader{b: b}
	days := r.days()
	next := uint64(0)
	for range r.count() {
		id := next + r.number()
		next = id + 1
		peak := r.value()
		if id >= uint64(len(series)) {
			return fmt.Errorf("%w: series %d of %d", ErrDamaged, id, len(series))
		}
		if s := series[id]; s.series != notWanted {
			m.point(s.series, peak)
		}
	}
	for range r.count() {
		head := r.uvarint()
		peak, metricDays := r.value(), days
		if head&flagDays != 0 {
			metricDays = r.days()
		}
		if head>>monthFlagBits >= uint64(len(series)) {
			return fmt.Errorf("%w: metric %d of %d", ErrDamaged, head>>monthFlagBits, len(series))
		}
		if metric := series[head>>monthFlagBits].metric; metric != notWanted {
			m.metric(metric, peak, metricDays)
		}
	}
	return r.done()
}

func (m *monthSum) metric(i int32, peak float64, days rollup.DaySet) {
	m.metrics[i].peak = max(m.metrics[i].peak, peak)
	m.metrics[i].days |= days
}

// take returns what was added since the last take. It is valid until the next.
func (m *monthSum) take(x *foldIndex) rollup.Month {
	m.month.Peaks = m.month.Peaks[:0]
	m.month.Metrics = m.month.Metrics[:0]
	m.lastDay = nil
	for i, id := range m.touched {
		m.touched[i] = x.series.rank[id]
	}
	slices.Sort(m.touched)
	for _, rank := range m.touched {
		id := x.series.sorted[rank]
		m.month.Peaks = append(m.month.Peaks, rollup.Peak{Series: rollup.Series(x.series.texts[id]), Value: m.peak[id]})
		m.peak[id] = notSeen
	}
	m.touched = m.touched[:0]
	for _, id := range x.metrics.sorted {
		if s := m.metrics[id]; s.days != 0 {
			m.month.Metrics = append(m.month.Metrics, rollup.MetricMonth{Metric: x.metrics.texts[id], Peak: s.peak, Days: s.days})
			m.metrics[id] = metricSum{}
		}
	}
	return m.month
}
