package rollup

import (
	"math/bits"
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

// Peak is the highest value of one series in a month.
type Peak struct {
	Series Series
	Value  float64
}

// MetricMonth is what a month knows of one metric of an instance: the peak of
// one report's sum, and the days on which a report had the metric.
type MetricMonth struct {
	Metric string
	Peak   float64
	Days   DaySet
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
		m.Peaks[i] = Peak{p.Series, p.Peak}
	}
	for i, s := range d.Sums {
		m.Metrics[i] = MetricMonth{s.Metric, s.Peak, days}
	}
	return m
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

func mergePeak(a, b Peak) Peak { return Peak{a.Series, max(a.Value, b.Value)} }

func compareMetrics(a, b MetricMonth) int { return strings.Compare(a.Metric, b.Metric) }

func mergeMetric(a, b MetricMonth) MetricMonth {
	return MetricMonth{a.Metric, max(a.Peak, b.Peak), a.Days | b.Days}
}
