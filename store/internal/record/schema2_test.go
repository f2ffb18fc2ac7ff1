package record

import (
	"errors"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func TestMonthOfSchema2(t *testing.T) {
	old := []byte{
		0b11 << 2, // the 3rd and the 4th
		2,         // peaks
		1, 6,      // a{x="2"} with 3
		1, 0, // a with 0
		1,           // metric
		3<<1 | 1, 8, // a with 4
		1 << 3, // on the 4th
	}
	got, err := DecodeMonth(MonthOfSchema2(old), unusualDictionary())
	must(t, err)
	want := rollup.Month{
		Peaks:   []rollup.Peak{{Series: "a"}, {Series: `a{x="2"}`, Highest: rollup.Highest{Peak: 3}}},
		Metrics: []rollup.MetricMonth{{Metric: "a", Highest: rollup.Highest{Peak: 4}, Days: rollup.DaySetOf(4)}},
	}
	if !got.Equal(want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for _, damaged := range [][]byte{{}, old[:4], append([]byte{0}, old...), append(old, 0)} {
		b := MonthOfSchema2(damaged)
		if m, err := DecodeMonth(b, unusualDictionary()); !errors.Is(err, dberrors.ErrDamaged) {
			t.Errorf("%x became %x: %+v, %v", damaged, b, m, err)
		}
	}
}
