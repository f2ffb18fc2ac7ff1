package record

import (
	"cmp"
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
	return b, nil
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
// points, the points, a count of sums, and the sums.
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

// Point reads the next point.
func (r *DayReader) Point() NumberedPoint {
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

// A metric of a month starts with a varint: its number, shifted by one, and this
// flag.
const (
	flagDays      = 1 << iota // its days differ from the instance's, and follow
	monthFlagBits = iota
)

// EncodeMonth writes a month's record. It adds series to the dictionary.
func EncodeMonth(m rollup.Month, dict *Dictionary) ([]byte, error) {
	order, err := numbered(len(m.Peaks), func(i int) (uint32, error) { return dict.ID(m.Peaks[i].Series) })
	if err != nil {
		return nil, err
	}
	days := m.Days()
	b := binary.AppendUvarint(nil, uint64(days))
	b = binary.AppendUvarint(b, uint64(len(order)))
	next := uint32(0)
	for _, n := range order {
		b = binary.AppendUvarint(b, uint64(n.id-next))
		b = appendValue(b, m.Peaks[n.index].Value)
		next = n.id + 1
	}
	b = binary.AppendUvarint(b, uint64(len(m.Metrics)))
	for _, mm := range m.Metrics {
		id, err := dict.ID(rollup.Series(mm.Metric))
		if err != nil {
			return nil, err
		}
		head := uint64(id) << monthFlagBits
		if mm.Days != days {
			head |= flagDays
		}
		b = binary.AppendUvarint(b, head)
		b = appendValue(b, mm.Peak)
		if head&flagDays != 0 {
			b = binary.AppendUvarint(b, uint64(mm.Days))
		}
	}
	return b, nil
}

// MonthReader walks a month's record: its days are read already, then come a count
// of peaks, the peaks, a count of metrics, and the metrics.
type MonthReader struct {
	reader
	days rollup.DaySet
	next uint64 // the lowest number that the next peak can have
}

// ReadMonth begins to read a record.
func ReadMonth(b []byte) MonthReader {
	r := MonthReader{reader: reader{b: b}}
	r.days = r.daySet()
	return r
}

// Peak reads the next peak.
func (r *MonthReader) Peak() (number uint64, peak float64) {
	number = r.next + r.number()
	r.next = number + 1
	return number, r.value()
}

// Metric reads the next metric.
func (r *MonthReader) Metric() (number uint64, peak float64, days rollup.DaySet) {
	head := r.uvarint()
	peak, days = r.value(), r.days
	if head&flagDays != 0 {
		days = r.daySet()
	}
	return head >> monthFlagBits, peak, days
}

// DecodeMonth reads a month's record. What it returns shares no memory with b.
func DecodeMonth(b []byte, dict *Dictionary) (rollup.Month, error) {
	r := ReadMonth(b)
	m := rollup.Month{Peaks: make([]rollup.Peak, r.Count())}
	for i := range m.Peaks {
		number, peak := r.Peak()
		s, err := dict.lookup(number)
		if err != nil {
			return rollup.Month{}, err
		}
		m.Peaks[i] = rollup.Peak{Series: s, Value: peak}
	}
	slices.SortFunc(m.Peaks, func(a, b rollup.Peak) int { return strings.Compare(string(a.Series), string(b.Series)) })
	m.Metrics = make([]rollup.MetricMonth, r.Count())
	for i := range m.Metrics {
		number, peak, days := r.Metric()
		s, err := dict.lookup(number)
		if err != nil {
			return rollup.Month{}, err
		}
		m.Metrics[i] = rollup.MetricMonth{Metric: string(s), Peak: peak, Days: days}
		if strings.Contains(string(s), "{") || i > 0 && m.Metrics[i-1].Metric >= string(s) {
			return rollup.Month{}, fmt.Errorf("%w: metric %q is out of place", dberrors.ErrDamaged, s)
		}
	}
	return m, r.Done()
}

// numberedIndex is an element's place in its slice, with its series' number.
type numberedIndex struct {
	id    uint32
	index int
}

// numbered returns the elements of a slice in the order of their numbers.
func numbered(n int, id func(i int) (uint32, error)) ([]numberedIndex, error) {
	order := make([]numberedIndex, n)
	for i := range order {
		number, err := id(i)
		if err != nil {
			return nil, err
		}
		order[i] = numberedIndex{number, i}
	}
	slices.SortFunc(order, func(a, b numberedIndex) int { return cmp.Compare(a.id, b.id) })
	return order, nil
}
