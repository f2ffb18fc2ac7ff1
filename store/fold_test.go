package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/fold"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Fold says what rollup alone says of the same reports: with days, with folded
// months, and with reports that come after the folding.
func TestFoldAgreesWithTheModel(t *testing.T) {
	s := open(t, Options{})
	window := rollup.NewMonth(2000, time.January)
	rapid.Check(t, func(t *rapid.T) {
		// Every check has its own months of the one file.
		window += 4
		want := make(model)
		for range rapid.IntRange(1, 3).Draw(t, "phases") {
			recordSome(t, s, window, want)
			if closed := rapid.IntRange(0, 3).Draw(t, "closed"); closed < 3 {
				must(t, s.CloseDays(context.Background(), window+rollup.MonthID(closed), (window+rollup.MonthID(closed)).Last()))
			}
		}
		metrics := rapid.SampledFrom([][]string{nil, {"a"}, {"a_b", "c"}, {"b", "none"}, {"none"}}).Draw(t, "metrics")
		from := window + rollup.MonthID(rapid.IntRange(0, 2).Draw(t, "from"))
		to := from + rollup.MonthID(rapid.IntRange(0, 2).Draw(t, "length"))
		got := folded(t, s, "p", from, to, metrics)
		compareFolds(t, got, want.fold("p", from, to, metrics))
	})
}

// recordSome records random reports of three instances over three months, at
// once, so that they share transactions.
func recordSome(t *rapid.T, s *Store, window rollup.MonthID, want model) {
	var wg sync.WaitGroup
	errs := make(chan error, 8)
	for range rapid.IntRange(1, 8).Draw(t, "reports") {
		product := rapid.SampledFrom([]string{"p", "p", "p", "q"}).Draw(t, "product")
		instance := rapid.SampledFrom([]string{uuid(1), strings.ToUpper(uuid(0xab)), "x"}).Draw(t, "instance")
		month := window + rollup.MonthID(rapid.IntRange(0, 2).Draw(t, "month"))
		day := rapid.SampledFrom([]rollup.Date{month.First(), month.First() + 14, month.Last()}).Draw(t, "day")
		hour := time.Duration(rapid.SampledFrom([]int{0, 12, 23}).Draw(t, "hour")) * time.Hour
		r := randomReport(product, instance, day.Start().Add(hour)).Draw(t, "report")
		want.add(r)
		wg.Go(func() { errs <- s.Record(context.Background(), r, nil) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		must(t, err)
	}
}

func TestFoldCallsOncePerInstanceInOrderOfKeys(t *testing.T) {
	s := open(t, Options{})
	for _, instance := range []string{"x", "A", uuid(2), uuid(1), "1"} {
		for days := range 3 {
			must(t, s.Record(t.Context(), report(instance, march.AddDate(0, days-1, days), "a"), nil))
		}
	}
	month := rollup.MonthOf(march)
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	var got []string
	for _, f := range folded(t, s, "cozystack", month-1, month+1, []string{"a"}) {
		got = append(got, f.instance)
	}
	// UUIDs, which are kept as bytes, come first.
	if want := strings.Join([]string{uuid(1), uuid(2), "1", "A", "x"}, " "); strings.Join(got, " ") != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Each instance is folded by one worker, however many there are.
func TestFoldBetweenWorkers(t *testing.T) {
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	want := make(model)
	ids := []string{"x", "A", "~"}
	for i := range 256 { // one for each first byte
		ids = append(ids, uuid(i))
	}
	var days []rollup.InstanceDay
	for _, id := range ids {
		r := report(id, march, "a")
		want.add(r)
		days = append(days, rollup.InstanceDay{Instance: id, Day: rollup.FromReport(r)})
	}
	must(t, s.MergeDays(t.Context(), "cozystack", rollup.DateOf(march), days))
	for n := 1; n <= 8; n++ {
		workers(t, n)
		compareFolds(t, folded(t, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
	}
}

func TestFoldOfNothing(t *testing.T) {
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	if got := folded(t, s, "cozystack", month-11, month, nil); got != nil {
		t.Errorf("an empty file: %+v", got)
	}
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	for name, got := range map[string][]foldedInstance{
		"another product": folded(t, s, "other", month, month, nil),
		"another month":   folded(t, s, "cozystack", month+1, month+3, nil),
		"another metric":  folded(t, s, "cozystack", month, month, []string{"b"}),
	} {
		if got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestFoldEndsWithTheFirstError(t *testing.T) {
	s := open(t, Options{})
	for i := range 3 {
		must(t, s.Record(t.Context(), report(uuid(i), march, "a"), nil))
	}
	month := rollup.MonthOf(march)
	stop := errors.New("stop")
	calls := 0
	err := s.Fold(t.Context(), "cozystack", month, month, nil, func(string, []rollup.Month) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls = 0
	err = s.Fold(ctx, "cozystack", month, month, nil, func(string, []rollup.Month) error { calls++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("cancelled: got %v after %d calls", err, calls)
	}
}

// A month's record that can't be read fails the fold, again and again, but no
// report that is in the same transaction.
func TestDamagedMonthFailsTheFoldAlone(t *testing.T) { synctest.Test(t, testDamagedMonth) }

func testDamagedMonth(t *testing.T) {
	s := open(t, Options{})
	month, day := rollup.MonthOf(march), rollup.DateOf(march)
	must(t, s.Record(t.Context(), report("x", march, "a"), nil))
	must(t, s.CloseDays(t.Context(), month, day))
	must(t, s.Record(t.Context(), report("x", march.AddDate(0, 0, 1), "a"), nil))
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		return layout.RecordsOf(layout.MonthBucket(tx, month), "cozystack").Put(record.Key("x"), []byte("rubbish"))
	}))
	var chunk []rollup.InstanceMonth
	err := fold.Days(t.Context(), s.view, "cozystack", month, rollup.DaySetOf(6), func(some []rollup.InstanceMonth) error {
		chunk = some
		return nil
	})
	must(t, err)
	release := holdWriter(t, s)
	var wg sync.WaitGroup
	var fold, record error
	wg.Go(func() {
		fold = s.submit(t.Context(), &request{apply: func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
			return layout.PutMonths(tx, dicts, "cozystack", month, chunk)
		}})
	})
	wg.Go(func() { record = s.Record(t.Context(), report("y", march, "a"), nil) })
	synctest.Wait() // both wait for the writer, so they are in one transaction
	release()
	wg.Wait()
	if !errors.Is(fold, dberrors.ErrDamaged) || record != nil {
		t.Errorf("the fold ends with %v, the report with %v", fold, record)
	}
	if got := dayOf(t, s, "y", day); len(got.Points) != 1 {
		t.Errorf("the report's day is %v", got)
	}
}

// What is left out is not read: a flood costs a fold little, and a record that does not
// decode keeps no figures back once its instance is excluded.
func TestFoldDoesNotReadTheExcluded(t *testing.T) {
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	for d := range 3 {
		for _, c := range []string{"a", "broken", "c"} {
			must(t, s.Record(t.Context(), report(c, march.AddDate(0, 0, d), "a"), nil))
		}
	}
	must(t, s.CloseDays(t.Context(), month, rollup.DateOf(march)))
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		own := layout.RecordsOf(layout.MonthBucket(tx, month), "cozystack")
		day := layout.RecordsOf(layout.DayBucket(tx, rollup.DateOf(march)+1), "cozystack")
		return errors.Join(own.Put([]byte("broken"), []byte{0}), day.Put([]byte("broken"), []byte{0}))
	}))
	foldNow := func() (seen []string, err error) {
		err = s.Fold(t.Context(), "cozystack", month-1, month, nil, func(c string, months []rollup.Month) error {
			seen = append(seen, fmt.Sprint(c, months[1].Days().Len()))
			return nil
		})
		slices.Sort(seen)
		return seen, err
	}
	if _, err := foldNow(); !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("got %v, want ErrDamaged", err)
	}
	exclude(t, s, "broken")
	if seen, err := foldNow(); err != nil || !slices.Equal(seen, []string{"a3", "c3"}) {
		t.Errorf("the fold has %v, %v", seen, err)
	}
}
