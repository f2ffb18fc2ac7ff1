package record

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A point of a day starts with a varint: its series' number less the one before,
// shifted by two, and these flags.
const (
	flagLast    = 1 << iota // the last value differs from the peak, and follows
	flagHour                // its hour differs from the day's last hour, and follows
	dayFlagBits = iota
)

// EncodeDay writes a day's record. It adds series to the dictionary.
func EncodeDay(d rollup.Day, dict *Dictionary) ([]byte, error) {
	order, err := numbered(len(d.Points), func(i int) (uint32, error) { return dict.ID(d.Points[i].Series) })
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, 8+4*len(order))
	b = append(b, d.First, d.Last)
	b = binary.AppendUvarint(b, uint64(len(order)))
	next := uint32(0)
	for _, n := range order {
		p := d.Points[n.index]
		b = appendPoint(b, uint64(n.id-next), p, d.Last)
		next = n.id + 1
	}
	sums := unusualSums(d)
	b = binary.AppendUvarint(b, uint64(len(sums)))
	for _, s := range sums {
		id, err := dict.ID(rollup.Series(s.Metric))
		if err != nil {
			return nil, err
		}
		b = binary.AppendUvarint(b, uint64(id))
		b = appendValue(b, s.Peak)
	}
	return appendMarks(b, d, order), nil
}

func appendPoint(b []byte, delta uint64, p rollup.Point, lastHour uint8) []byte {
	head := delta << dayFlagBits
	if p.Last != p.Peak {
		head |= flagLast
	}
	if p.Hour != lastHour {
		head |= flagHour
	}
	b = binary.AppendUvarint(b, head)
	b = appendValue(b, p.Peak)
	if head&flagLast != 0 {
		b = appendValue(b, p.Last)
	}
	if head&flagHour != 0 {
		b = append(b, p.Hour)
	}
	return b
}

// unusualSums returns the sums that a reader would not get by adding up the
// peaks of the metric's series. A metric with a fraction among its peaks is
// always among them, since its sum depends on the order of adding, even where it
// comes out as an integer.
func unusualSums(d rollup.Day) []rollup.Sum {
	fractions := make(map[string]bool)
	for _, p := range d.Points {
		if p.Peak != math.Trunc(p.Peak) {
			fractions[p.Series.Metric()] = true
		}
	}
	usual := rollup.SumPeaks(d.Points)
	var out []rollup.Sum
	for i, s := range d.Sums {
		if s != usual[i] || fractions[s.Metric] {
			out = append(out, s)
		}
	}
	return out
}

// DayReader walks a day's record: its hours are read already, then come a count of
// points, the points, a count of sums, the sums, and what marks.go reads.
type DayReader struct {
	reader
	First, Last uint8  // hours of the first and the last report
	next        uint64 // the lowest number that the next point can have
}

// ReadDay begins to read a record.
func ReadDay(b []byte) DayReader {
	r := DayReader{reader: reader{b: b}}
	r.First, r.Last = r.hour(), r.hour()
	return r
}

// NumberedPoint is a point before its series is looked up.
type NumberedPoint struct {
	Number     uint64
	Peak, Last float64
	Hour       uint8
}

// Point reads the next point. It has a short way for those of two bytes, which most are: the
// number is near, and the value a small integer, which was the day's last one.
func (r *DayReader) Point() NumberedPoint {
	if r.at+1 < len(r.b) {
		if head, value := r.b[r.at], r.b[r.at+1]; head < 0x80 && head&(flagLast|flagHour) == 0 && value < 0x80 && value&1 == 0 {
			r.at += 2
			number, v := r.next+uint64(head>>dayFlagBits), float64(value>>1)
			r.next = number + 1
			return NumberedPoint{Number: number, Peak: v, Last: v, Hour: r.Last}
		}
	}
	return r.longPoint()
}

func (r *DayReader) longPoint() NumberedPoint {
	head := r.uvarint()
	p := NumberedPoint{Number: r.next + head>>dayFlagBits, Peak: r.value(), Hour: r.Last}
	r.next = p.Number + 1
	p.Last = p.Peak
	if head&flagLast != 0 {
		p.Last = r.value()
	}
	if head&flagHour != 0 {
		p.Hour = r.hour()
	}
	return p
}

// Sum reads the next sum.
func (r *DayReader) Sum() (number uint64, peak float64) { return r.uvarint(), r.value() }

// DecodeDay reads a day's record. What it returns shares no memory with b.
func DecodeDay(b []byte, dict *Dictionary) (rollup.Day, error) {
	r := ReadDay(b)
	d := rollup.Day{First: r.First, Last: r.Last}
	d.Points = make([]rollup.Point, r.Count())
	points := r
	for i := range d.Points {
		p := r.Point()
		s, err := dict.lookup(p.Number)
		if err != nil {
			return rollup.Day{}, err
		}
		d.Points[i] = rollup.Point{Series: s, Peak: p.Peak, Last: p.Last, Hour: p.Hour}
	}
	slices.SortFunc(d.Points, func(a, b rollup.Point) int {
		return strings.Compare(string(a.Series), string(b.Series))
	})
	d.Sums = rollup.SumPeaks(d.Points)
	if err := replaceSums(&r, d.Sums, dict); err != nil {
		return rollup.Day{}, err
	}
	if err := takeMarks(&r, points, &d, dict); err != nil {
		return rollup.Day{}, err
	}
	return d, r.Done()
}

// replaceSums replaces the usual sums by those that the record has.
func replaceSums(r *DayReader, sums []rollup.Sum, dict *Dictionary) error {
	for range r.Count() {
		number, peak := r.Sum()
		s, err := dict.lookup(number)
		if err != nil {
			return err
		}
		i, ok := slices.BinarySearchFunc(sums, string(s), func(a rollup.Sum, metric string) int {
			return strings.Compare(a.Metric, metric)
		})
		if !ok {
			return fmt.Errorf("%w: a sum of %q without a series", dberrors.ErrDamaged, s)
		}
		sums[i].Peak = peak
	}
	return nil
}
