package fold

import (
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fixedSeries is the dictionary of the codec's tests: each metric also stands
// there by its bare name, and in no order.
var fixedSeries = []rollup.Series{"b", `a{x="2"}`, `a{x="1"}`, "a", "a_b", `c{x="1"}`, "c", `b{x="1"}`}

func fixedDictionary() *record.Dictionary {
	d := record.NewDictionary()
	for _, s := range fixedSeries {
		d.Add([]byte(s))
	}
	return d
}

// foldRecord folds one record as Fold does: all metrics, or some.
func foldRecord(add func(*monthSum, []meaning) error, metrics []string) (month rollup.Month, err error) {
	x := &Index{meanings: slices.Repeat([]meaning{{notWanted, notWanted}}, len(fixedSeries))}
	var wanted []numberedSeries
	for i, s := range fixedSeries {
		if wants(metrics, []byte(s)) {
			wanted = append(wanted, numberedSeries{s, i})
		}
	}
	x.rank(wanted)
	var sum monthSum
	sum.fit(x)
	err = add(&sum, x.meanings)
	sum.take(x, &month)
	return month, err
}

func foldDayRecord(b []byte, dayOfMonth int, metrics []string) (rollup.Month, error) {
	return foldRecord(func(sum *monthSum, meanings []meaning) error {
		return errors.Join(sum.addDay(b, meanings, rollup.DaySetOf(dayOfMonth)), sum.endDays(meanings))
	}, metrics)
}

func foldMonthRecord(b []byte, metrics []string) (rollup.Month, error) {
	return foldRecord(func(sum *monthSum, meanings []meaning) error { return sum.addMonth(b, meanings) }, metrics)
}

// checkDayRecord holds what must be true of a record that EncodeDay wrote.
func checkDayRecord(t fatal, b []byte, want rollup.Day) {
	t.Helper()
	got, err := record.DecodeDay(b, fixedDictionary())
	must(t, err)
	if !sameDay(got, want) {
		t.Fatalf("%x\ngot  %+v\nwant %+v", b, got, want)
	}
	for _, metrics := range [][]string{nil, {"a"}, {"b", "c"}} {
		month, err := foldDayRecord(b, 17, metrics)
		must(t, err)
		if want := restrict(rollup.FromDay(17, want), metrics); !sameMonth(month, want) {
			t.Fatalf("%x folded, metrics %q\ngot  %+v\nwant %+v", b, metrics, month, want)
		}
	}
}

func checkMonthRecord(t fatal, b []byte, want rollup.Month) {
	t.Helper()
	got, err := record.DecodeMonth(b, fixedDictionary())
	must(t, err)
	if !sameMonth(got, want) {
		t.Fatalf("%x\ngot  %+v\nwant %+v", b, got, want)
	}
	for _, metrics := range [][]string{nil, {"a"}, {"b", "c"}} {
		month, err := foldMonthRecord(b, metrics)
		must(t, err)
		if want := restrict(want, metrics); !sameMonth(month, want) {
			t.Fatalf("%x folded, metrics %q\ngot  %+v\nwant %+v", b, metrics, month, want)
		}
	}
}

// randomDay is a day of some reports.
func randomDay() *rapid.Generator[rollup.Day] {
	return rapid.Custom(func(t *rapid.T) rollup.Day {
		var d rollup.Day
		for range rapid.IntRange(1, 4).Draw(t, "reports") {
			at := march.Add(time.Duration(rapid.IntRange(0, 13).Draw(t, "hour")) * time.Hour)
			d = d.Merge(rollup.FromReport(randomReport("p", "i", at).Draw(t, "report")))
		}
		return d
	})
}

func randomMonth() *rapid.Generator[rollup.Month] {
	return rapid.Custom(func(t *rapid.T) rollup.Month {
		var m rollup.Month
		for range rapid.IntRange(1, 4).Draw(t, "days") {
			m = m.Merge(rollup.FromDay(rapid.SampledFrom([]int{1, 2, 30, 31}).Draw(t, "day"), randomDay().Draw(t, "day")))
		}
		return m
	})
}

// The dictionary of these tests is a bucket of a real file, filled while
// encoding and then read back.
func TestRecordsRoundTrip(t *testing.T) {
	db, err := bolt.Open(filepath.Join(t.TempDir(), "dict.db"), 0o600, nil)
	must(t, err)
	defer db.Close()
	rapid.Check(t, func(t *rapid.T) {
		tx, err := db.Begin(true)
		must(t, err)
		defer tx.Rollback()
		bucket, err := tx.CreateBucket([]byte("dict"))
		must(t, err)
		writing, err := layout.LoadDictionary(bucket)
		must(t, err)
		writing.Put = layout.Growing(bucket)

		var days []rollup.Day
		var months []rollup.Month
		var records [][]byte
		for range rapid.IntRange(1, 3).Draw(t, "records") {
			day, month := randomDay().Draw(t, "day"), randomMonth().Draw(t, "month")
			a, err := record.EncodeDay(day, writing)
			must(t, err)
			b, err := record.EncodeMonth(month, writing)
			must(t, err)
			days, months, records = append(days, day), append(months, month), append(records, a, b)
		}
		reading, err := layout.LoadDictionary(bucket)
		must(t, err)
		for i := range days {
			day, err := record.DecodeDay(records[2*i], reading)
			must(t, err)
			month, err := record.DecodeMonth(records[2*i+1], reading)
			must(t, err)
			if !sameDay(day, days[i]) || !sameMonth(month, months[i]) {
				t.Fatalf("got  %+v and %+v\nwant %+v and %+v", day, month, days[i], months[i])
			}
		}
	})
}

// The sum of 0.1, 0.2 and 0.7 is 1 in one order of adding and less in another,
// and a dictionary's order is not that of the series.
func TestSumOfFractionsDoesNotDependOnTheDictionary(t *testing.T) {
	for _, values := range [][]float64{{0.1, 0.2, 0.7}, {0.7, 0.1, 0.2}, {0.2, 0.7, 0.1}, {1 << 52, 0.5, 0.5}, {0.5, 0.5, 1 << 52}} {
		d := rollup.Day{Points: []rollup.Point{
			{Series: "a", Peak: values[0], Last: values[0]},
			{Series: `a{x="1"}`, Peak: values[1], Last: values[1]},
			{Series: `a{x="2"}`, Peak: values[2], Last: values[2]},
		}}
		d.Sums = rollup.SumPeaks(d.Points)
		b, err := record.EncodeDay(d, fixedDictionary())
		must(t, err)
		checkDayRecord(t, b, d)
	}
}

// A day of a usual report is small.
func TestRecordsAreSmall(t *testing.T) {
	dict := fixedDictionary()
	d := rollup.FromReport(report("x", march, fixedSeries...))
	b, err := record.EncodeDay(d, dict)
	must(t, err)
	if want := 2 + 1 + 2*len(fixedSeries) + 1; len(b) != want {
		t.Errorf("%d series take %d bytes, want %d: %x", len(fixedSeries), len(b), want, b)
	}
}

// A month in which nothing changes takes no bytes for its second days and hours.
func TestRecordsOfSteadyMonthsAreSmall(t *testing.T) {
	dict := fixedDictionary()
	var m rollup.Month
	for day := range 31 {
		m = m.Merge(rollup.FromDay(day+1, rollup.FromReport(report("x", march, fixedSeries...))))
	}
	b, err := record.EncodeMonth(m, dict)
	must(t, err)
	metrics := 4
	if want := 5 + 2 + 1 + 2*len(fixedSeries) + 1 + 2*metrics; len(b) != want {
		t.Errorf("%d series of %d metrics take %d bytes, want %d: %x", len(fixedSeries), metrics, len(b), want, b)
	}
}

// FuzzDayRecord decodes any bytes with a fixed dictionary. What decodes can be
// written again, and then stands for the same; the fold never takes what the
// decoder refuses, but for a sum that is named by a labelled series.
func FuzzDayRecord(f *testing.F) {
	for seed := range 20 {
		b, err := record.EncodeDay(randomDay().Filter(known).Example(seed), fixedDictionary())
		must(f, err)
		f.Add(b)
	}
	f.Add([]byte{0, 1, 1, 1 << 2, 2, 1, 1, 2})
	f.Add([]byte{0, 1, 0, 1, 0, 2})
	f.Add([]byte{0, 1, 2, 0, 2, 0, 2, 0, 2, 0, 1, 2, 0, 2, 1, 4}) // marks of two points
	f.Add([]byte{0, 1, 2, 0, 2, 0, 2, 0, 1, 3, 2, 0, 2, 1, 4})    // of the second
	f.Add([]byte{0, 1, 1, 0, 2, 0, 1, 1, 0})                      // without hours
	f.Add([]byte{0, 1, 0, 1, 0, 1, 1, 0})                         // of a point that is not there
	f.Add([]byte{0, 1, 2, 0, 1, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a, 0, 2, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		day, err := record.DecodeDay(b, fixedDictionary())
		month, foldErr := foldDayRecord(b, 17, nil)
		if err != nil {
			labelled := strings.Contains(err.Error(), "{")
			if !errors.Is(err, dberrors.ErrDamaged) || foldErr == nil && !labelled {
				t.Fatalf("decoding says %v, folding %v", err, foldErr)
			}
			return
		}
		if foldErr != nil {
			t.Fatalf("it decodes to %+v, but folding says %v", day, foldErr)
		}
		if want := rollup.FromDay(17, day); !nearlySameMonth(month, want) {
			t.Fatalf("folded\n%+v\nwant\n%+v", month, want)
		}
		again, err := record.EncodeDay(day, fixedDictionary())
		must(t, err)
		checkDayRecord(t, again, day)
	})
}

// FuzzMonthRecord does for months what FuzzDayRecord does for days. The fold
// adds up metrics in any order, and so takes some of what the decoder refuses.
func FuzzMonthRecord(f *testing.F) {
	known := func(m rollup.Month) bool { return knownPeaks(m.Peaks) }
	for seed := range 20 {
		b, err := record.EncodeMonth(randomMonth().Filter(known).Example(seed), fixedDictionary())
		must(f, err)
		f.Add(b)
	}
	f.Add([]byte{1, 0, 2, 2, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 0})
	f.Add([]byte{1, 0, 0, 2, 3 << 1, 2, 0, 2})
	f.Add([]byte{3, 30, 1, 1, 4, 31, 2, 1, 2, 5, 2, 0, 2, 3, 2, 1, 7, 6, 36, 1, 2}) // all details
	f.Add([]byte{3, 30, 1, 1, 4, 64, 0})                                            // of a day that is not known
	f.Fuzz(func(t *testing.T, b []byte) {
		month, err := record.DecodeMonth(b, fixedDictionary())
		if err != nil {
			if !errors.Is(err, dberrors.ErrDamaged) {
				t.Fatalf("decoding says %v", err)
			}
			return
		}
		checkMonthRecord(t, b, month)
		again, err := record.EncodeMonth(month, fixedDictionary())
		must(t, err)
		if len(month.Metrics) > 0 {
			checkMonthRecord(t, again, month)
		}
	})
}

// known tells whether the fixed dictionary has all series of a day.
func known(d rollup.Day) bool { return knownPeaks(rollup.FromDay(1, d).Peaks) }

func knownPeaks(peaks []rollup.Peak) bool {
	dict := fixedDictionary()
	for _, p := range peaks {
		if !dict.Has(p.Series) {
			return false
		}
	}
	return true
}

// nearlySameMonth forgives what the order of adding fractions changes. It is
// for records that EncodeDay would not write: it stores such sums.
func nearlySameMonth(a, b rollup.Month) bool {
	if len(a.Metrics) != len(b.Metrics) {
		return false
	}
	for i, m := range a.Metrics {
		if math.Abs(m.Peak-b.Metrics[i].Peak) > 1e-9*m.Peak {
			return false
		}
		a.Metrics[i].Peak = b.Metrics[i].Peak
	}
	return sameMonth(a, b)
}
