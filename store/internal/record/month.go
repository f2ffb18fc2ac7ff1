package record

import (
	"encoding/binary"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A peak of a month starts with a varint: its series' number less the one before,
// shifted by one, and flagDetails. A metric starts with its own number, likewise. Then
// comes the value. What is usual is left out: it was as high on the last two days, and
// the series was there in the instance's last hour.
const (
	flagDetails   = 1 << iota // a byte of details follows the value
	monthFlagBits = iota
)

// The details: what differs from the usual, and then follows in this order.
const (
	detailSecond    = 1 << iota // the second value
	detailPeakDay               // the peak's day
	detailSecondDay             // the second value's day
	detailSeen                  // of a peak: by how many hours it was seen before the instance's last one
	detailSlots                 // of a peak: the slots
	detailDays                  // of a metric: its days, which the usual days depend on, and so come first
	detailUnknown               // in place of the first three: the days are not known, nor a second one

	detailHighest = detailSecond | detailPeakDay | detailSecondDay | detailUnknown
)

// details returns which of the two highest days are not the usual ones.
func details(h rollup.Highest, days rollup.DaySet) (flags byte) {
	if h.PeakDay == 0 && h.SecondDay == 0 {
		return detailUnknown
	}
	last, second := days.LastTwo()
	usual := rollup.Steady(h.Peak, last, second)
	if h.Second != usual.Second {
		flags |= detailSecond
	}
	if h.PeakDay != usual.PeakDay {
		flags |= detailPeakDay
	}
	if h.SecondDay != usual.SecondDay {
		flags |= detailSecondDay
	}
	return flags
}

// appendHighest writes the details of the two highest days.
func appendHighest(b []byte, h rollup.Highest, flags byte) []byte {
	if flags&detailSecond != 0 {
		b = appendValue(b, h.Second)
	}
	if flags&detailPeakDay != 0 {
		b = append(b, h.PeakDay)
	}
	if flags&detailSecondDay != 0 {
		b = append(b, h.SecondDay)
	}
	return b
}

// EncodeMonth writes a month's record. It adds series to the dictionary.
func EncodeMonth(m rollup.Month, dict *Dictionary) ([]byte, error) {
	order, err := numbered(len(m.Peaks), func(i int) (uint32, error) { return dict.ID(m.Peaks[i].Series) })
	if err != nil {
		return nil, err
	}
	days, seen := m.Days(), m.Seen()
	b := binary.AppendUvarint(nil, uint64(days))
	b = binary.AppendUvarint(b, uint64(seen))
	b = binary.AppendUvarint(b, uint64(len(order)))
	next := uint32(0)
	for _, n := range order {
		b = appendPeak(b, uint64(n.id-next), m.Peaks[n.index], days, seen)
		next = n.id + 1
	}
	b = binary.AppendUvarint(b, uint64(len(m.Metrics)))
	for _, mm := range m.Metrics {
		id, err := dict.ID(rollup.Series(mm.Metric))
		if err != nil {
			return nil, err
		}
		b = appendMetric(b, uint64(id), mm, days)
	}
	return b, nil
}

func appendPeak(b []byte, distance uint64, p rollup.Peak, days rollup.DaySet, seen uint16) []byte {
	flags := details(p.Highest, days)
	if p.Seen != seen {
		flags |= detailSeen
	}
	if len(p.Slots) > 0 {
		flags |= detailSlots
	}
	b = appendHead(b, distance, p.Peak, flags)
	b = appendHighest(b, p.Highest, flags)
	if flags&detailSeen != 0 {
		b = binary.AppendUvarint(b, uint64(seen-p.Seen))
	}
	if flags&detailSlots != 0 {
		b = appendSlots(b, p.Slots)
	}
	return b
}

func appendMetric(b []byte, number uint64, mm rollup.MetricMonth, days rollup.DaySet) []byte {
	flags := details(mm.Highest, mm.Days)
	if mm.Days != days {
		flags |= detailDays
	}
	b = appendHead(b, number, mm.Peak, flags)
	if flags&detailDays != 0 {
		b = binary.AppendUvarint(b, uint64(mm.Days))
	}
	return appendHighest(b, mm.Highest, flags)
}

func appendHead(b []byte, number uint64, value float64, flags byte) []byte {
	if flags == 0 {
		return appendValue(binary.AppendUvarint(b, number<<monthFlagBits), value)
	}
	return append(appendValue(binary.AppendUvarint(b, number<<monthFlagBits|flagDetails), value), flags)
}

// appendSlots writes how many slots there are, and each as its distance from the lowest
// hour that it can have, and the value.
func appendSlots(b []byte, slots []rollup.Slot) []byte {
	b = binary.AppendUvarint(b, uint64(len(slots)))
	next := uint16(0)
	for _, s := range slots {
		b = appendValue(binary.AppendUvarint(b, uint64(s.At-next)), s.Value)
		next = s.At + 1
	}
	return b
}
