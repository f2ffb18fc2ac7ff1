package record

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

func TestValues(t *testing.T) {
	for _, v := range []float64{0, 1, 63, 64, 1<<53 - 1, 1 << 53, 0.1, 1e-300, math.SmallestNonzeroFloat64, 1<<52 + 0.5} {
		r := reader{b: appendValue(nil, v)}
		if got := r.value(); got != v || r.Done() != nil {
			t.Errorf("%v comes back as %v, %v", v, got, r.Done())
		}
	}
	float := func(v float64) []byte {
		b := appendValue(nil, 0.5)
		binary.BigEndian.PutUint64(b[1:], math.Float64bits(v))
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":          nil,
		"cut off":          {1, 0, 0},
		"another tag":      append([]byte{3}, make([]byte, 8)...),
		"above 2^53":       {0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x40},
		"NaN":              float(math.NaN()),
		"infinite":         float(math.Inf(1)),
		"negative":         float(-1),
		"above 2^53, too":  float(1 << 54),
		"an endless count": {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		r := reader{b: b}
		if got := r.value(); r.Done() == nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
}

// unusualDictionary is a dictionary in which each metric also stands by its bare name, in
// no order.
func unusualDictionary() *Dictionary {
	d := NewDictionary()
	for _, s := range []string{"b", `a{x="2"}`, `a{x="1"}`, "a", "a_b", `c{x="1"}`, "c", `b{x="1"}`} {
		d.Add([]byte(s))
	}
	return d
}

func TestDamagedRecords(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":                nil,
		"hour 24":                {24, 1, 0, 0},
		"points without end":     {0, 1, 200, 0},
		"an unknown series":      {0, 1, 1, 8 << 2, 2, 0},
		"bytes left over":        {0, 1, 0, 0, 0},
		"a sum without a series": {0, 1, 0, 1, 2, 2},
		"a sum of a point":       {0, 1, 1, 1 << 2, 2, 1, 1, 2},
		"no marks":               {0, 1, 1, 0, 2, 0, 0},
		"marks without end":      {0, 1, 1, 0, 2, 0, 200, 0},
		"a mark without a point": {0, 1, 1, 0, 2, 0, 1, 1 << 1},
		"two marks of a point":   {0, 1, 1, 0, 2, 0, 2, 0, 0},
		"hour 24 of a point":     {0, 1, 1, 0, 2, 0, 1, flagHours, 1, 24, 2},
		"an hour twice":          {0, 1, 1, 0, 2, 0, 1, flagHours, 2, 3, 2, 3, 2},
		"bytes behind the marks": {0, 1, 1, 0, 2, 0, 1, 0, 0},
	} {
		if d, err := DecodeDay(b, unusualDictionary()); !errors.Is(err, dberrors.ErrDamaged) {
			t.Errorf("day with %s: %+v, %v", name, d, err)
		}
	}
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1}
	for name, b := range map[string][]byte{
		"nothing":               nil,
		"no days":               {0, 0, 0, 0},
		"32 days":               {0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0},
		"hour 744":              {1, 0xe8, 0x05, 0, 0},
		"an unknown series":     {1, 0, 1, 8 << 1, 2, 0},
		"a number that wraps":   append(append([]byte{1, 0, 2, 1 << 1, 2}, huge...), 2, 0),
		"bytes left over":       {1, 0, 0, 0, 0},
		"unknown details":       {1, 0, 1, 0<<1 | 1, 2, 1 << 7, 0},
		"days known and not":    {1, 0, 1, 0<<1 | 1, 2, detailUnknown | detailPeakDay, 1, 0},
		"days of a peak":        {1, 0, 1, 0<<1 | 1, 2, detailDays, 1, 0},
		"slots of a metric":     {1, 0, 0, 1, 0<<1 | 1, 2, detailSlots, 0},
		"day 32":                {1, 0, 1, 0<<1 | 1, 2, detailPeakDay, 32, 0},
		"a second day alike":    {1, 0, 1, 0<<1 | 1, 2, detailSecond | detailSecondDay, 2, 1, 0},
		"a second above":        {3, 0, 1, 0<<1 | 1, 2, detailSecond, 4, 0},
		"seen before the month": {1, 1, 1, 0<<1 | 1, 2, detailSeen, 2, 0},
		"a slot of hour 744":    {1, 0, 1, 0<<1 | 1, 2, detailSlots, 1, 0xe8, 0x05, 2, 0},
		"slots without end":     {1, 0, 1, 0<<1 | 1, 2, detailSlots, 200, 0},
		"a metric with a label": {1, 0, 0, 1, 1 << 1, 2},
		"metrics out of order":  {1, 0, 0, 2, 0, 2, 3 << 1, 2},
		"a metric twice":        {1, 0, 0, 2, 0, 2, 0, 2},
		"a metric without days": {1, 0, 0, 1, 0<<1 | 1, 2, detailDays, 0},
	} {
		if m, err := DecodeMonth(b, unusualDictionary()); !errors.Is(err, dberrors.ErrDamaged) {
			t.Errorf("month with %s: %+v, %v", name, m, err)
		}
	}
}
