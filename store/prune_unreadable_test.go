package store

import (
	"errors"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What can't be read of a day must not keep the others for ever: neither the
// other records of the day, nor later days and months.
func TestPruneGoesOnBehindWhatCannotBeRead(t *testing.T) {
	first := march.AddDate(0, -3, 0)
	month, day := rollup.MonthOf(first), rollup.DateOf(first)
	for name, c := range map[string]struct {
		damage func(tx *bolt.Tx) error
		// lost is how many of the first day's three records are; kept are the
		// clusters whose second day stays in the month.
		lost int
		kept []int
	}{
		"a record of a day": {func(tx *bolt.Tx) error {
			return layout.RecordsOf(layout.DayBucket(tx, day), "cozystack").Put(record.Key(uuid(1)), []byte{99, 99, 99})
		}, 1, []int{0, 1, 2}},
		"two records of a day": {func(tx *bolt.Tx) error {
			records := layout.RecordsOf(layout.DayBucket(tx, day), "cozystack")
			return errors.Join(records.Put(record.Key(uuid(0)), []byte{1}), records.Put(record.Key(uuid(1)), []byte{99}))
		}, 2, []int{0, 1, 2}},
		"a record of the month": {func(tx *bolt.Tx) error {
			dicts := layout.Dictionaries{}
			p, err := dicts.Month(tx, month, "cozystack")
			return errors.Join(err, p.Records.Put(record.Key(uuid(1)), []byte{99, 99, 99}))
		}, 1, nil},
		"the dictionary": {func(tx *bolt.Tx) error {
			return layout.SeriesOf(layout.MonthBucket(tx, month), "cozystack").Delete([]byte{0, 0, 0, 0})
		}, 3, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, Options{})
			for d := range 2 {
				for i := range 3 {
					must(t, s.Record(t.Context(), report(uuid(i), first.AddDate(0, 0, d), "a"), nil))
				}
			}
			must(t, s.Record(t.Context(), report(uuid(1), first.AddDate(0, 1, 0), "a"), nil))
			want := make(model)
			recordAll(t, s, want, report(uuid(1), march, "a"))
			must(t, s.update(t.Context(), c.damage))

			all := pruneAll(t, s, Keep{Days: rollup.DateOf(march)})
			if len(all.Days) != 3 || all.Days[0] != day {
				t.Errorf("the days %v went", all.Days)
			}
			if len(all.Unreadable) == 0 || all.Unreadable[0].Day != day || all.Unreadable[0].Records != c.lost ||
				!errors.Is(all.Unreadable[0].Err, dberrors.ErrDamaged) {
				t.Errorf("told: %+v", all.Unreadable)
			}
			compareModels(t, stored(t, s), want)
			if c.kept != nil {
				got := folded(t, s, "cozystack", month, month, nil)
				for i, n := range c.kept {
					if len(got) != len(c.kept) || got[i].instance != uuid(n) {
						t.Fatalf("the month has %s", showFolds(got))
					}
				}
			}
			if all := pruneAll(t, s, Keep{Months: rollup.MonthOf(march)}); len(all.Months) != 2 {
				t.Errorf("the months %v went", all.Months)
			}
		})
	}
}

// While its day is kept, a record that can't be read is not passed over.
func TestFoldDaysStopsAtWhatCannotBeRead(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		return layout.RecordsOf(layout.DayBucket(tx, rollup.DateOf(march)), "cozystack").Put(record.Key(uuid(1)), []byte{99})
	}))
	month := rollup.MonthOf(march)
	if err := s.CloseDays(t.Context(), month, month.Last()); !errors.Is(err, dberrors.ErrDamaged) {
		t.Errorf("got %v", err)
	}
	if isFolded(t, s, month) {
		t.Error("the day counts as folded")
	}
}
