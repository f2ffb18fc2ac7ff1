package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const fewDays = 40

// fleetFile records reports of some instances, on days around march, in a running store.
func fleetFile(t *testing.T, instances int, want model) *Store {
	t.Helper()
	s := open(t, Options{})
	for d := range fewDays {
		for i := range instances {
			recordInto(t, s, want, uuid(i), march.AddDate(0, 0, d-20))
		}
	}
	month := rollup.MonthOf(march)
	for _, m := range []rollup.MonthID{month - 1, month} {
		must(t, s.CloseDays(t.Context(), m, rollup.DateOf(march)))
	}
	return s
}

// recordInto records a report with series of the instance's own, also in a model.
func recordInto(t fatal, s *Store, want model, instance string, at time.Time) {
	r := report(instance, at, "a", rollup.Series(`a{of="`+instance+`"}`), rollup.Series(fmt.Sprintf(`b{d="%d"}`, at.Day()%3)))
	must(t, s.Record(context.Background(), r, forwarded(r)))
	if want != nil {
		want.add(r)
	}
}

// without is a model without what is meant.
func (m model) without(sel rollup.Selection) model {
	left := make(model)
	for k, day := range m {
		if !sel.HasInstance(k.product, k.instance) || !sel.HasDay(k.date) {
			left[k] = day
		}
	}
	return left
}

// What comes while a file is made anew is in the new one: reports, days that are closed,
// blocks that are forwarded, snapshots and notes; and still no byte of what is forgotten.
func TestForgetInUse(t *testing.T) {
	month := rollup.MonthOf(march)
	for name, span := range map[string][2]rollup.Date{
		"all days":    {},
		"a few days":  {rollup.DateOf(march) - 3, rollup.DateOf(march) + 4},
		"whole month": {month.First(), month.Last()},
	} {
		t.Run(name, func(t *testing.T) {
			want := make(model)
			s := fleetFile(t, 4, want)
			sel := selection(uuid(1), uuid(2))
			sel.From, sel.To = span[0], span[1]
			versions, changes, first := versionsOf(t, s), s.Changes("cozystack", month), allBlocks(t, s)[:3]
			meanwhile := sync.OnceFunc(func() {
				for d := range 3 {
					recordInto(t, s, want, uuid(0), march.AddDate(0, 0, d-1))
					recordInto(t, s, want, uuid(1), march.AddDate(0, 0, d-1))
					recordInto(t, s, want, uuid(9), march.AddDate(0, 0, 30+d))
				}
				must(t, s.CloseDays(t.Context(), month, rollup.DateOf(march)+9))
				must(t, s.Remove(t.Context(), first))
				offer(t, s, rollup.Snapshot{Month: month, Clusters: 4, Source: rollup.SourceRollups})
				offer(t, s, rollup.Snapshot{Month: month - 1, Clusters: 4, Source: rollup.SourceRollups, Final: true})
				must(t, s.PutAppList(t.Context(), []byte(`{"new":1}`)))
			})
			found, _, err := s.Forget(t.Context(), sel, func(int64, int64) { meanwhile() })
			must(t, err)
			if found.Instances != 2 || found.Records == 0 || found.Lines == 0 {
				t.Errorf("it found %+v", found)
			}
			want = want.without(sel)
			compareModels(t, stored(t, s), want)
			compareFolds(t, folded(t, s, "cozystack", month-1, month+1, nil), want.fold("cozystack", month-1, month+1, nil))
			compareQueue(t, s)
			for date, before := range versions {
				if now := versionsOf(t, s)[date]; now < before || sel.HasDay(date) && now == before {
					t.Errorf("%s: version %d became %d", date, before, now)
				}
			}
			if s.Changes("cozystack", month) == changes {
				t.Error("the month does not look changed")
			}
			if snap, _, err := s.Snapshot(month); err != nil || snap.Clusters != 0 {
				t.Errorf("what was counted stands: %+v, %v", snap, err)
			}
			if snap, _, err := s.Snapshot(month - 1); err != nil || snap.Clusters != 4 {
				t.Errorf("what is final is %+v, %v", snap, err)
			}
			if list, err := s.AppList(); err != nil || string(list) != `{"new":1}` {
				t.Errorf("list %s, %v", list, err)
			}
			if blocks := allBlocks(t, s); blocks[0].Seq <= first[2].Seq {
				t.Errorf("block %d is there again", blocks[0].Seq)
			}
			recordInto(t, s, want, uuid(0), march.AddDate(0, 2, 0))
			must(t, s.Close())
			if sel.To == 0 {
				for i := 1; i <= 2; i++ {
					if got := traces(t, s.path, uuid(i), `of="`+uuid(i)); len(got) != 0 {
						t.Errorf("%s is still there as %v", uuid(i), got)
					}
				}
			}
			checkClean(t, s.path)
			again := reopen(t, s)
			compareModels(t, stored(t, again), want)
			if entries, _ := os.ReadDir(filepath.Dir(s.path)); len(entries) != 1 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

// Of what everybody reports at once while the file changes, nothing is lost: what is
// answered is there, and nothing of the forgotten that came before.
func TestForgetUnderLoad(t *testing.T) {
	t.Parallel()
	const others = 20
	s := fleetFile(t, others, nil)
	ctx, stop := context.WithCancel(t.Context())
	models := make([]model, 4)
	var senders sync.WaitGroup
	for w := range models {
		models[w] = make(model)
		senders.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				recordInto(t, s, models[w], uuid(100+w*1000+n%50), march.AddDate(0, 0, n%5))
			}
		})
		senders.Go(func() { // readers never meet a file that is closed
			for ctx.Err() == nil {
				folded(t, s, "cozystack", rollup.MonthOf(march), rollup.MonthOf(march), nil)
			}
		})
	}
	for i := range 5 {
		_, _, err := s.Forget(t.Context(), selection(uuid(i)), nil)
		must(t, err)
	}
	stop()
	senders.Wait()
	got := stored(t, s)
	for i := range 5 {
		if _, ok := got[target{rollup.DateOf(march), "cozystack", uuid(i)}]; ok {
			t.Errorf("%s is there", uuid(i))
		}
	}
	for _, m := range models {
		for k, day := range m {
			if !sameDay(got[k], day) {
				t.Fatalf("%+v:\ngot  %+v\nwant %+v", k, got[k], day)
			}
		}
	}
	compareQueue(t, s)
	must(t, s.Close())
	checkClean(t, s.path)
}

// A copy that is made meanwhile is one of the old file, and one made after of the new one.
func TestBackupBesideForget(t *testing.T) {
	s := fleetFile(t, 3, nil)
	dir := t.TempDir()
	before, after := filepath.Join(dir, "before"), filepath.Join(dir, "after")
	_, _, err := s.Forget(t.Context(), selection(uuid(1)), func(int64, int64) {
		if _, err := s.Backup(t.Context(), before); err != nil && !errors.Is(err, os.ErrExist) {
			t.Error(err)
		}
	})
	must(t, err)
	_, err = s.Backup(t.Context(), after)
	must(t, err)
	if got := traces(t, before, uuid(1), "none"); len(got) == 0 {
		t.Error("the one before has no trace")
	}
	if got := traces(t, after, uuid(1), "none"); len(got) != 0 {
		t.Errorf("the one after has %v", got)
	}
}

// Of a month of which a day was removed, other days can't be forgotten, but all of it can.
func TestForgetDaysOfAMonthThatHasLostSome(t *testing.T) {
	month := rollup.MonthOf(march)
	s := fleetFile(t, 2, nil)
	removeDay(t, s, month.First())
	sel := rollup.Selection{Product: rollup.Cozystack, From: month.First() + 1, To: month.First() + 2}
	before := stored(t, s)
	var inseparable *rewrite.ErrInseparable
	if _, err := s.Survey(t.Context(), sel); !errors.As(err, &inseparable) {
		t.Errorf("a survey returned %v", err)
	}
	_, _, err := s.Forget(t.Context(), sel, nil)
	if !errors.As(err, &inseparable) || len(inseparable.Months) != 1 || inseparable.Months[0] != month {
		t.Errorf("got %v", err)
	}
	compareModels(t, stored(t, s), before)
	sel.From = month.First() // the day that is only in the month is meant too
	_, _, err = s.Forget(t.Context(), sel, nil)
	must(t, err)
	want := model(before).without(sel)
	compareModels(t, stored(t, s), want)
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), want.fold("cozystack", month, month, nil))
	must(t, s.Close())
	checkClean(t, s.path)
}

// Who is not known is named; the others are forgotten all the same, and the file notes
// how many they were, and nothing of who.
func TestForgetNotes(t *testing.T) {
	month := rollup.MonthOf(march)
	s := fleetFile(t, 3, nil)
	survey, err := s.Survey(t.Context(), selection(uuid(1), "nobody", "another"))
	must(t, err)
	found, _, err := s.Forget(t.Context(), selection(uuid(1), "nobody", "another"), nil)
	must(t, err)
	if fmt.Sprint(found) != fmt.Sprint(survey) || fmt.Sprint(found.NotFound) != "[another nobody]" || found.Instances != 1 {
		t.Errorf("it found %+v, a survey %+v", found, survey)
	}
	notes, err := s.Forgotten()
	must(t, err)
	want := rollup.Forgotten{Product: rollup.Cozystack, Instances: 1, From: month - 1, To: month}
	if len(notes) != 1 || notes[0] != want {
		t.Errorf("the file notes %+v, want %+v", notes, want)
	}
	_, _, err = s.Forget(t.Context(), selection("nobody"), nil)
	must(t, err)
	if notes, err = s.Forgotten(); err != nil || len(notes) != 1 {
		t.Errorf("nobody is noted: %+v, %v", notes, err)
	}
}

// A file that takes no writes any more, or whose making is stopped, stays as it is.
func TestForgetInUseStops(t *testing.T) {
	s := fleetFile(t, 2, nil)
	want := stored(t, s)
	ctx, stop := context.WithCancel(t.Context())
	if _, _, err := s.Forget(ctx, selection(uuid(1)), func(int64, int64) { stop() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	compareModels(t, stored(t, s), want)
	recordInto(t, s, nil, uuid(7), march)
	if entries, _ := os.ReadDir(filepath.Dir(s.path)); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
	reader := openRead(t, copyOfFile(t, s.path, s.path+".copy"))
	if _, _, err := reader.Forget(t.Context(), selection(uuid(1)), nil); !errors.Is(err, dberrors.ErrReadOnly) {
		t.Errorf("got %v", err)
	}
	must(t, reader.Close())
	must(t, s.Close())
	if _, _, err := s.Forget(t.Context(), selection(uuid(1)), nil); err == nil {
		t.Error("a closed store forgets")
	}
}

// Who is excluded while a file is made anew is excluded then, but for who is forgotten.
func TestForgetBesideExclude(t *testing.T) {
	s := fleetFile(t, 3, nil)
	meanwhile := sync.OnceFunc(func() {
		_, err := s.Exclude(t.Context(), []rollup.Exclusion{
			{Product: rollup.Cozystack, Instance: uuid(1), At: march}, {Product: rollup.Cozystack, Instance: uuid(2), At: march},
		})
		must(t, err)
	})
	_, _, err := s.Forget(t.Context(), selection(uuid(1)), func(int64, int64) { meanwhile() })
	must(t, err)
	if got := s.Exclusions(rollup.Cozystack).Instances; len(got) != 1 || got[0] != uuid(2) {
		t.Errorf("%v are excluded", got)
	}
	must(t, s.Close())
	if got := traces(t, s.path, uuid(1), "none"); len(got) != 0 {
		t.Errorf("it is still there as %v", got)
	}
	checkClean(t, s.path)
}
