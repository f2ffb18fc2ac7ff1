package rollup

import (
	"math/bits"
	"slices"
	"strings"
)

// DaySet is a set of days of one month: bit 0 is the 1st, bit 30 the 31st.
type DaySet uint32

// DaySetOf returns the set that holds one day, given as 1 to 31.
func DaySetOf(dayOfMonth int) DaySet { return 1 << (dayOfMonth - 1) }

// Len returns how many days the set holds.
func (s DaySet) Len() int { return bits.OnesCount32(uint32(s)) }

// First and Last return the outermost days of a set that is not empty, 1 to 31.
func (s DaySet) First() int { return bits.TrailingZeros32(uint32(s)) + 1 }
func (s DaySet) Last() int  { return bits.Len32(uint32(s)) }

// LastTwo returns the last two days of a set; 0 for one that there is not.
func (s DaySet) LastTwo() (last, second uint8) {
	last = uint8(bits.Len32(uint32(s)))
	return last, uint8(bits.Len32(uint32(s) &^ (1 << last >> 1)))
}

// Peak is what a month knows of one series.
type Peak struct {
	Series Series
	Highest
	// Seen is the last hour of the month, (day-1)*24+hour, in which the series was
	// reported; 0 if that is not known.
	Seen uint16
	// Slots are the values by day or by hour, sorted, of a series that has a [Slotting].
	Slots []Slot
}

// Equal tells whether two peaks are the same.
func (p Peak) Equal(o Peak) bool {
	return p.Series == o.Series && p.Highest == o.Highest && p.Seen == o.Seen && slices.Equal(p.Slots, o.Slots)
}

// MetricMonth is what a month knows of one metric of an instance: the two highest days
// of one report's sum, and the days on which a report had the metric.
type MetricMonth struct {
	Metric string
	Highest
	Days DaySet
}

// Month is what is kept of an instance in one calendar month. The zero Month
// is the month without a report.
type Month struct {
	// Peaks are sorted by series, Metrics by metric.
	Peaks   []Peak
	Metrics []MetricMonth
}

// FromDay returns the month of an instance that has reported on one day.
func FromDay(dayOfMonth int, d Day) Month {
	days := DaySetOf(dayOfMonth)
	m := Month{
		Peaks:   make([]Peak, len(d.Points)),
		Metrics: make([]MetricMonth, len(d.Sums)),
	}
	for i, p := range d.Points {
		m.Peaks[i] = Peak{
			Series:  p.Series,
			Highest: Highest{}.With(uint8(dayOfMonth), p.Peak),
			Seen:    monthHour(dayOfMonth, uint16(p.Hour)),
			Slots:   d.monthSlots(dayOfMonth, p),
		}
	}
	for i, s := range d.Sums {
		m.Metrics[i] = MetricMonth{s.Metric, Highest{}.With(uint8(dayOfMonth), s.Peak), days}
	}
	return m
}

// Equal tells whether two months are the same.
func (m Month) Equal(o Month) bool {
	return slices.EqualFunc(m.Peaks, o.Peaks, Peak.Equal) && slices.Equal(m.Metrics, o.Metrics)
}

// Size returns how many values it keeps of series, by which memory is bounded.
func (m Month) Size() int {
	n := len(m.Peaks)
	for _, p := range m.Peaks {
		n += len(p.Slots)
	}
	return n
}

// Seen returns the last hour of the month in which the instance reported any series;
// 0 if that is not known.
func (m Month) Seen() (hour uint16) {
	for _, p := range m.Peaks {
		hour = max(hour, p.Seen)
	}
	return hour
}

// Days returns the days on which the instance reported anything.
func (m Month) Days() DaySet {
	var days DaySet
	for _, mm := range m.Metrics {
		days |= mm.Days
	}
	return days
}

// Merge returns the month of both months' days. It is commutative, associative
// and idempotent. The result may share memory with either month.
func (m Month) Merge(o Month) Month {
	if len(m.Metrics) == 0 {
		return o
	}
	if len(o.Metrics) == 0 {
		return m
	}
	return Month{
		Peaks:   mergeSorted(m.Peaks, o.Peaks, comparePeaks, mergePeak),
		Metrics: mergeSorted(m.Metrics, o.Metrics, compareMetrics, mergeMetric),
	}
}

func comparePeaks(a, b Peak) int { return strings.Compare(string(a.Series), string(b.Series)) }

func mergePeak(a, b Peak) Peak {
	return Peak{a.Series, a.Highest.Merge(b.Highest), max(a.Seen, b.Seen), mergeSlots(a.Slots, b.Slots)}
}

func compareMetrics(a, b MetricMonth) int { return strings.Compare(a.Metric, b.Metric) }

func mergeMetric(a, b MetricMonth) MetricMonth {
	return MetricMonth{a.Metric, a.Highest.Merge(b.Highest), a.Days | b.Days}
}
