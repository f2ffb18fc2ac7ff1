package record

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Behind the sums of a day stand the marks of the points that have a slotting: how many
// there are, and each as a varint, the number of points without a mark before it,
// shifted by one, and flagHours. Where there is none, the record ends before.
const (
	flagHours    = 1 << iota // it is by hour; a count follows, and each hour with its value
	markFlagBits = iota
)

// appendMarks writes the marks of a day's points, in the order of the record.
func appendMarks(b []byte, d rollup.Day, order []numberedIndex) []byte {
	marked := 0
	for _, p := range d.Points {
		if p.Slot != 0 {
			marked++
		}
	}
	if marked == 0 {
		return b
	}
	b = binary.AppendUvarint(b, uint64(marked))
	skipped := uint64(0)
	for _, n := range order {
		switch p := d.Points[n.index]; p.Slot {
		case rollup.ByDay:
			b, skipped = binary.AppendUvarint(b, skipped<<markFlagBits), 0
		case rollup.ByHour:
			b, skipped = binary.AppendUvarint(b, skipped<<markFlagBits|flagHours), 0
			hours := d.HoursOf(p.Series)
			b = binary.AppendUvarint(b, uint64(len(hours)))
			for _, s := range hours {
				b = appendValue(append(b, byte(s.At)), s.Value)
			}
		default:
			skipped++
		}
	}
	return b
}

// MarkReader walks the marks of a day's record, behind its sums.
type MarkReader struct {
	day    *DayReader
	points DayReader
	left   int // marks
	unread int // points
}

// Marks begins to read the marks. points is the reader as it was before the first of n
// points: each mark goes with its point.
func (r *DayReader) Marks(points DayReader, n int) MarkReader {
	m := MarkReader{day: r, points: points, unread: n}
	if len(r.rest()) > 0 {
		if m.left = r.Count(); m.left == 0 {
			r.fail()
		}
	}
	return m
}

// Next reads the next mark, and its point; false if there is none, or none that can be
// read. Of a point by hour its slots come next, count of them.
func (m *MarkReader) Next() (p NumberedPoint, s rollup.Slotting, count int, ok bool) {
	if m.left == 0 {
		return p, 0, 0, false
	}
	m.left--
	head := m.day.uvarint()
	skip := head >> markFlagBits
	if m.day.Failed || skip >= uint64(m.unread) {
		m.day.fail()
		return p, 0, 0, false
	}
	for range skip + 1 {
		p = m.points.Point()
		m.unread--
	}
	s = rollup.ByDay
	if head&flagHours != 0 {
		s, count = rollup.ByHour, m.day.Count()
	}
	return p, s, count, true
}

// Slot reads the next slot of a point by hour.
func (m *MarkReader) Slot() rollup.Slot {
	return rollup.Slot{At: uint16(m.day.hour()), Value: m.day.value()}
}

// takeMarks reads the marks of a day, whose points are sorted by series. before is the
// reader as it was before them.
func takeMarks(r *DayReader, before DayReader, d *rollup.Day, dict *Dictionary) error {
	marks := r.Marks(before, len(d.Points))
	for p, slotting, n, ok := marks.Next(); ok; p, slotting, n, ok = marks.Next() {
		series, err := dict.lookup(p.Number)
		if err != nil {
			return err
		}
		i, _ := slices.BinarySearchFunc(d.Points, series, func(p rollup.Point, s rollup.Series) int {
			return strings.Compare(string(p.Series), string(s))
		})
		d.Points[i].Slot = slotting
		if slotting == rollup.ByHour {
			slots, err := readSlots(n, marks.Slot)
			if err != nil {
				return err
			}
			d.Hours = append(d.Hours, rollup.HourSlots{Series: series, Slots: slots})
		}
	}
	slices.SortFunc(d.Hours, func(a, b rollup.HourSlots) int { return strings.Compare(string(a.Series), string(b.Series)) })
	return nil
}

// readSlots reads some slots, which are in their order.
func readSlots(n int, next func() rollup.Slot) (slots []rollup.Slot, err error) {
	for i := range n {
		s := next()
		if i > 0 && s.At <= slots[i-1].At {
			return nil, fmt.Errorf("%w: slot %d is out of place", dberrors.ErrDamaged, s.At)
		}
		slots = append(slots, s)
	}
	return slots, nil
}
