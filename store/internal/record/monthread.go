package record

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// MonthReader walks a month's record: its days and its last hour are read already, then
// come a count of peaks, the peaks, a count of metrics, and the metrics.
type MonthReader struct {
	reader
	days         rollup.DaySet
	seen         uint16
	last, second uint8  // of days
	next         uint64 // the lowest number that the next peak can have
	nextSlot     uint64 // the lowest hour that the next slot can have
}

// ReadMonth begins to read a record.
func ReadMonth(b []byte) MonthReader {
	r := MonthReader{reader: reader{b: b}}
	r.days, r.seen = r.daySet(), r.monthHour()
	r.last, r.second = r.days.LastTwo()
	return r
}

// NumberedPeak is a peak before its series is looked up.
type NumberedPeak struct {
	Number uint64
	rollup.Highest
	Seen  uint16
	Slots int // how many come next, each by [MonthReader.Slot]
}

// Peak reads the next peak.
func (r *MonthReader) Peak(p *NumberedPeak) {
	head := r.number()
	p.Number = r.next + head>>monthFlagBits
	r.next = p.Number + 1
	r.usual(&p.Highest)
	p.Seen, p.Slots = r.seen, 0
	if head&flagDetails != 0 {
		r.peakDetails(p)
	}
}

// peakDetails reads what differs from the usual peak.
func (r *MonthReader) peakDetails(p *NumberedPeak) {
	flags := r.byte()
	r.details(&p.Highest, flags)
	if flags&detailSeen != 0 {
		if back := r.monthHour(); back <= r.seen {
			p.Seen -= back
		} else {
			r.fail()
		}
	}
	if flags&detailSlots != 0 {
		p.Slots, r.nextSlot = r.Count(), 0
	}
	if flags&^(detailHighest|detailSeen|detailSlots) != 0 {
		r.fail()
	}
}

// Slot reads the next slot of a peak.
func (r *MonthReader) Slot() rollup.Slot {
	at := r.nextSlot + r.number()
	r.nextSlot = at + 1
	if at > lastMonthHour {
		r.fail()
	}
	return rollup.Slot{At: uint16(at), Value: r.value()}
}

// NumberedMetric is a metric before its name is looked up.
type NumberedMetric struct {
	Number uint64
	rollup.Highest
	Days rollup.DaySet
}

// Metric reads the next metric.
func (r *MonthReader) Metric() NumberedMetric {
	head := r.uvarint()
	m := NumberedMetric{Number: head >> monthFlagBits, Days: r.days}
	r.usual(&m.Highest)
	if head&flagDetails == 0 {
		return m
	}
	flags := r.byte()
	if flags&detailDays != 0 {
		m.Days = r.daySet()
		last, second := m.Days.LastTwo()
		m.Highest = rollup.Steady(m.Peak, last, second)
	}
	r.details(&m.Highest, flags)
	if flags&^(detailHighest|detailDays) != 0 {
		r.fail()
	}
	return m
}

// usual reads a value, which was reached on the last two days of the instance.
func (r *MonthReader) usual(h *rollup.Highest) {
	h.Peak, h.Second = r.value(), 0
	if h.PeakDay, h.SecondDay = r.last, r.second; h.SecondDay != 0 {
		h.Second = h.Peak
	}
}

// details reads what differs from the usual two highest days.
func (r *MonthReader) details(h *rollup.Highest, flags byte) {
	if flags&detailUnknown != 0 {
		*h = rollup.Highest{Peak: h.Peak}
	}
	if flags&detailSecond != 0 {
		h.Second = r.value()
	}
	if flags&detailPeakDay != 0 {
		h.PeakDay = r.byte()
	}
	if flags&detailSecondDay != 0 {
		h.SecondDay = r.byte()
	}
	mixed := flags&detailUnknown != 0 && flags&detailHighest != detailUnknown
	if mixed || h.PeakDay > 31 || h.SecondDay > 31 || (rollup.Highest{}).With(h.PeakDay, h.Peak).With(h.SecondDay, h.Second) != *h {
		r.fail()
	}
}

// DecodeMonth reads a month's record. What it returns shares no memory with b.
func DecodeMonth(b []byte, dict *Dictionary) (rollup.Month, error) {
	r := ReadMonth(b)
	m := rollup.Month{Peaks: make([]rollup.Peak, r.Count())}
	var p NumberedPeak
	for i := range m.Peaks {
		r.Peak(&p)
		s, err := dict.lookup(p.Number)
		if err != nil {
			return rollup.Month{}, err
		}
		m.Peaks[i] = rollup.Peak{Series: s, Highest: p.Highest, Seen: p.Seen}
		for range p.Slots {
			m.Peaks[i].Slots = append(m.Peaks[i].Slots, r.Slot())
		}
	}
	slices.SortFunc(m.Peaks, func(a, b rollup.Peak) int { return strings.Compare(string(a.Series), string(b.Series)) })
	m.Metrics = make([]rollup.MetricMonth, r.Count())
	for i := range m.Metrics {
		mm := r.Metric()
		s, err := dict.lookup(mm.Number)
		if err != nil {
			return rollup.Month{}, err
		}
		m.Metrics[i] = rollup.MetricMonth{Metric: string(s), Highest: mm.Highest, Days: mm.Days}
		if strings.Contains(string(s), "{") || i > 0 && m.Metrics[i-1].Metric >= string(s) {
			return rollup.Month{}, fmt.Errorf("%w: metric %q is out of place", dberrors.ErrDamaged, s)
		}
	}
	return m, r.Done()
}
