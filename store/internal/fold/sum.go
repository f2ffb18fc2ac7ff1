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
	// found has the series' indexes in series, by place in Index.series; notFound where
	// nothing was added. touched are the places of those that are there.
	found    []int32
	touched  []int32
	series   []seriesSum
	slots    map[int32][]rollup.Slot // by place, in any order, and some hours twice; few series have any
	metrics  []metricSum
	reported []int32 // the places of the metrics seen
	// daySums adds up the peaks of the record at hand by metric; the metrics that
	// it lacks are notSeen. dayMetrics are those that it has.
	daySums    []float64
	dayMetrics []int32
	// alike are the days that all had the record like, which is not taken yet.
	like  []byte
	alike rollup.DaySet
}

type seriesSum struct {
	rollup.Highest
	seen uint16
}

type metricSum struct {
	rollup.Highest
	days rollup.DaySet
}

const (
	notSeen  = -1
	notFound = -1
)

// fit makes room for a month's series and metrics.
func (m *monthSum) fit(x *Index) {
	m.found = fit(m.found, len(x.series), notFound)
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

// add takes what a record says of the series at a place.
func (m *monthSum) add(place int32, highest rollup.Highest, seen uint16) {
	if m.found[place] == notFound {
		m.found[place] = int32(len(m.series))
		m.touched = append(m.touched, place)
		m.series = append(m.series, seriesSum{highest, seen})
		return
	}
	sum := &m.series[m.found[place]]
	sum.Highest, sum.seen = sum.Merge(highest), max(sum.seen, seen)
}

// addDay takes a day's record; package record tells what stands in it. The days of a
// month share a dictionary, and most days of an instance are like the one before: the
// same bytes then say the same, and are read once, by endDays, which comes before take.
func (m *monthSum) addDay(b []byte, series []meaning, day rollup.DaySet) error {
	if m.alike != 0 && !bytes.Equal(b, m.like) {
		if err := m.endDays(series); err != nil {
			return err
		}
	}
	m.like, m.alike = b, m.alike|day
	return nil
}

// endDays takes the record of the days that are alike.
func (m *monthSum) endDays(series []meaning) error {
	if m.alike == 0 {
		return nil
	}
	days := m.alike
	m.alike = 0
	last, second := days.LastTwo()
	err := m.takeDays(m.like, series, days)
	for _, place := range m.dayMetrics {
		m.metric(place, rollup.Steady(m.daySums[place], last, second), days)
		m.daySums[place] = notSeen
	}
	m.dayMetrics = m.dayMetrics[:0]
	return err
}

// takeDays takes the peaks of a record that some days had, and leaves its sums in
// daySums.
func (m *monthSum) takeDays(b []byte, series []meaning, days rollup.DaySet) error {
	r := record.ReadDay(b)
	n := r.Count()
	points := r
	last, second := days.LastTwo()
	firstHour := uint16(last-1) * 24
	for range n {
		p := r.Point()
		if p.Number >= uint64(len(series)) {
			return fmt.Errorf("%w: series %d of %d", dberrors.ErrDamaged, p.Number, len(series))
		}
		s := series[p.Number]
		if s.series == notWanted {
			continue
		}
		m.add(s.series, rollup.Steady(p.Peak, last, second), firstHour+uint16(p.Hour))
		if m.daySums[s.metric] == notSeen {
			m.dayMetrics = append(m.dayMetrics, s.metric)
		}
		m.daySums[s.metric] = min(max(m.daySums[s.metric], 0)+p.Peak, rollup.MaxValue)
	}
	if err := m.takeSums(&r, series); err != nil {
		return err
	}
	if err := m.takeMarks(r.Marks(points, n), series, days); err != nil {
		return err
	}
	return r.Done()
}

// takeSums replaces the usual sums by those that a record has.
func (m *monthSum) takeSums(r *record.DayReader, series []meaning) error {
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
	return nil
}

// takeMarks takes the slots that some days had.
func (m *monthSum) takeMarks(marks record.MarkReader, series []meaning, days rollup.DaySet) error {
	for p, slotting, n, ok := marks.Next(); ok; p, slotting, n, ok = marks.Next() {
		place := series[p.Number].series // which takeDays has looked at
		if slotting == rollup.ByDay && place != notWanted {
			m.slot(place, days, 0, p.Peak)
		}
		before := -1
		for range n {
			s := marks.Slot()
			if int(s.At) <= before {
				return fmt.Errorf("%w: slot %d is out of place", dberrors.ErrDamaged, s.At)
			}
			before = int(s.At)
			if place != notWanted {
				m.slot(place, days, s.At, s.Value)
			}
		}
	}
	return nil
}

// slot takes a value that an hour had on some days.
func (m *monthSum) slot(place int32, days rollup.DaySet, hour uint16, v float64) {
	for ; days != 0; days &= days - 1 {
		m.addSlot(place, rollup.Slot{At: uint16(days.First()-1)*24 + hour, Value: v})
	}
}

func (m *monthSum) addSlot(place int32, s rollup.Slot) {
	if m.slots == nil {
		m.slots = make(map[int32][]rollup.Slot)
	}
	m.slots[place] = append(m.slots[place], s)
}

// addMonth takes a month's record.
func (m *monthSum) addMonth(b []byte, series []meaning) error {
	r := record.ReadMonth(b)
	var p record.NumberedPeak
	for range r.Count() {
		r.Peak(&p)
		if p.Number >= uint64(len(series)) {
			return fmt.Errorf("%w: series %d of %d", dberrors.ErrDamaged, p.Number, len(series))
		}
		place := series[p.Number].series
		if place != notWanted {
			m.add(place, p.Highest, p.Seen)
		}
		for range p.Slots {
			if s := r.Slot(); place != notWanted {
				m.addSlot(place, s)
			}
		}
	}
	for range r.Count() {
		mm := r.Metric()
		if mm.Number >= uint64(len(series)) {
			return fmt.Errorf("%w: metric %d of %d", dberrors.ErrDamaged, mm.Number, len(series))
		}
		if metric := series[mm.Number].metric; metric != notWanted {
			m.metric(metric, mm.Highest, mm.Days)
		}
	}
	return r.Done()
}

func (m *monthSum) metric(place int32, highest rollup.Highest, days rollup.DaySet) {
	sum := &m.metrics[place]
	if sum.days == 0 {
		m.reported = append(m.reported, place)
	}
	sum.Highest = sum.Merge(highest)
	sum.days |= days
}

// take fills a month with what was added since the last take, in the order of the
// index. What the month had is written over.
func (m *monthSum) take(x *Index, into *rollup.Month) {
	slices.Sort(m.touched)
	into.Peaks = slices.Grow(into.Peaks[:0], len(m.touched))[:len(m.touched)]
	for i, place := range m.touched {
		p, sum := &into.Peaks[i], &m.series[m.found[place]]
		p.Series, p.Highest, p.Seen, p.Slots = x.series[place], sum.Highest, sum.seen, nil
		if len(m.slots) > 0 {
			p.Slots = rollup.JoinSlots(m.slots[place])
		}
		m.found[place] = notFound
	}
	clear(m.slots)
	into.Metrics = into.Metrics[:0]
	slices.Sort(m.reported)
	for _, place := range m.reported {
		s := m.metrics[place]
		into.Metrics = append(into.Metrics, rollup.MetricMonth{Metric: x.metrics[place], Highest: s.Highest, Days: s.days})
		m.metrics[place] = metricSum{}
	}
	m.touched, m.series, m.reported = m.touched[:0], m.series[:0], m.reported[:0]
}
