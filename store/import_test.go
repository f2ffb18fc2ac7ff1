package store

import (
	"errors"
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

// daysOf folds reports of one product and one date by instance.
func daysOf(reports []rollup.Report) []rollup.InstanceDay {
	byInstance := make(map[string]rollup.Day)
	for _, r := range reports {
		byInstance[r.Instance] = byInstance[r.Instance].Merge(rollup.FromReport(r))
	}
	var days []rollup.InstanceDay
	for instance, day := range byInstance {
		days = append(days, rollup.InstanceDay{Instance: instance, Day: day})
	}
	return days
}

// What is merged day by day is what recording each report would have brought,
// into an open month, one under way of being folded, and a closed one.
func TestMergeDaysIsRecordingAll(t *testing.T) {
	t.Parallel()
	month := rollup.MonthOf(march)
	unfinished := func(s *Store) error {
		return errors.Join(s.CloseDays(t.Context(), month, month.Last()), s.update(t.Context(), func(tx *bolt.Tx) error {
			if b := layout.MonthOf(tx, month, "cozystack"); b != nil {
				return b.Delete(layout.KeyClosed)
			}
			return nil
		}))
	}
	for name, prepare := range map[string]func(*Store) error{
		"open":       func(*Store) error { return nil },
		"unfinished": unfinished,
		"closed":     func(s *Store) error { return s.CloseDays(t.Context(), month, month.Last()) },
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				s := open(t, Options{})
				want := make(model)
				draw := func(n int) (reports []rollup.Report) {
					for range n {
						at := march.Add(time.Duration(rapid.IntRange(0, 13).Draw(rt, "hour")) * time.Hour)
						instance := rapid.SampledFrom([]string{"x", "z-longer-name", uuid(1), uuid(2)}).Draw(rt, "instance")
						reports = append(reports, randomReport("cozystack", instance, at).Draw(rt, "report"))
					}
					return reports
				}
				for _, r := range draw(3) {
					want.add(r)
					must(rt, s.Record(t.Context(), r, nil))
				}
				must(rt, prepare(s))
				more := draw(6)
				for _, r := range more {
					want.add(r)
				}
				days := daysOf(more)
				must(rt, s.MergeDays(t.Context(), "cozystack", rollup.DateOf(march), days))
				compareModels(rt, stored(rt, s), want)
				compareFolds(rt, folded(rt, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
				must(rt, s.CloseDays(t.Context(), month, month.Last()))
				compareFolds(rt, folded(rt, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
				must(rt, s.Close())
			})
		})
	}
}

// The day's version grows with what changes it, and with nothing else.
func TestMergeDaysCountsTheVersionUp(t *testing.T) {
	s := open(t, Options{})
	date := rollup.DateOf(march)
	day := rollup.FromReport(report("x", march, "a"))
	versions := func() map[rollup.Date]uint64 {
		t.Helper()
		v, err := s.DayVersions("cozystack")
		must(t, err)
		return v
	}
	must(t, s.MergeDays(t.Context(), "cozystack", date, nil))
	must(t, s.MergeDays(t.Context(), "cozystack", date, []rollup.InstanceDay{{Instance: "x", Day: rollup.Day{}}}))
	if v := versions(); len(v) != 0 {
		t.Errorf("days without a report make the days %v", v)
	}
	days := []rollup.InstanceDay{{Instance: "y", Day: day}, {Instance: "none", Day: rollup.Day{}}, {Instance: "x", Day: day}}
	given := slices.Clone(days)
	must(t, s.MergeDays(t.Context(), "cozystack", date, days))
	first := versions()[date]
	if first == 0 || days[0].Instance != given[0].Instance || days[2].Instance != given[2].Instance {
		t.Errorf("version %d, the caller's days are %v", first, days)
	}
	must(t, s.MergeDays(t.Context(), "cozystack", date, days))
	if again := versions()[date]; again != first {
		t.Errorf("merging the same again takes the version from %d to %d", first, again)
	}
	must(t, s.MergeDays(t.Context(), "cozystack", date, []rollup.InstanceDay{{Instance: "z", Day: day}}))
	if after := versions()[date]; after <= first {
		t.Errorf("a new instance takes the version from %d to %d", first, after)
	}
}

// One unreadable record keeps no other out, and harms nobody else's report.
func TestMergeDaysBesideADamagedRecord(t *testing.T) {
	s := open(t, Options{})
	date := rollup.DateOf(march)
	must(t, s.Record(t.Context(), report("bad", march, "a"), nil))
	must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
		records := layout.RecordsOf(tx.Bucket(layout.BucketDays).Bucket([]byte(date.String())), "cozystack")
		return records.Put(record.Key("bad"), []byte{1})
	}))
	day := rollup.FromReport(report("", march, "a"))
	err := s.MergeDays(t.Context(), "cozystack", date, []rollup.InstanceDay{{Instance: "after", Day: day}, {Instance: "bad", Day: day}, {Instance: "zero", Day: day}})
	if !errors.Is(err, dberrors.ErrDamaged) || !strings.Contains(err.Error(), "bad") || strings.Contains(err.Error(), "after") {
		t.Errorf("error %v", err)
	}
	must(t, s.Ready(t.Context()))
	for _, instance := range []string{"after", "zero"} {
		if known, err := s.Known("cozystack", instance, march); !known || err != nil {
			t.Errorf("%s: known %v, error %v", instance, known, err)
		}
	}
}

func TestMergeDaysAfterClose(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Close())
	if err := s.MergeDays(t.Context(), "cozystack", 0, nil); !errors.Is(err, dberrors.ErrClosed) {
		t.Errorf("error %v", err)
	}
}
