package store

import (
	"context"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Whatever is done to a file, a month whose fold has changed has another number.
func TestChangesShowWhenAFoldChanges(t *testing.T) {
	s := open(t, Options{Bounds: rollup.Bounds{Series: 3}})
	window := rollup.NewMonth(2000, time.January)
	rapid.Check(t, func(t *rapid.T) {
		window += 4 // each check has its own months
		last := (window + 2).Last()
		// What retention keeps, so that it finds a day.
		must(t, s.Record(context.Background(), report("p", (last+1).Start(), "a"), nil))
		for range rapid.IntRange(1, 6).Draw(t, "steps") {
			month := window + rollup.MonthID(rapid.IntRange(0, 2).Draw(t, "month"))
			before, number := folded(t, s, "p", month, month, nil), s.Changes("p", month)
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0, 1, 2:
				recordSome(t, s, window, make(model))
			case 3:
				must(t, s.CloseDays(context.Background(), month, month.First()+14))
			case 4:
				for again := true; again; {
					pruned, err := s.Prune(context.Background(), "p", Keep{Days: month.Last() + 1, Months: month + 1})
					must(t, err)
					again = len(pruned.Days)+len(pruned.Months) > 0
				}
			case 5:
				day := rollup.FromReport(report("x", month.Start(), "a", "b"))
				must(t, s.MergeDays(context.Background(), "p", month.First(), []rollup.InstanceDay{{Instance: "x", Day: day}}))
			case 6:
				_, err := s.Exclude(context.Background(), []rollup.Exclusion{{Product: "p", Instance: "x"}})
				must(t, err)
			case 7:
				_, err := s.Include(context.Background(), "p", []string{"x"})
				must(t, err)
			}
			if after := folded(t, s, "p", month, month, nil); !reflect.DeepEqual(before, after) && s.Changes("p", month) == number {
				t.Fatalf("the number stays %d, but the fold of %s was\n%s\nand is\n%s", number, month, showFolds(before), showFolds(after))
			}
		}
	})
}

// A month that nothing happens to keeps its number, whatever happens to others.
func TestChangesOfOtherMonths(t *testing.T) {
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	must(t, s.Record(t.Context(), report("x", march, "a"), nil))
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	number := s.Changes("cozystack", month)
	must(t, s.Record(t.Context(), report("x", march.AddDate(0, 1, 0), "a"), nil))
	must(t, s.CloseDays(t.Context(), month+1, (month+1).Last()))
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	offer(t, s, rollup.Snapshot{Month: month})
	must(t, s.Record(t.Context(), of("synapse", report("x", march, "a")), nil))
	if s.Changes("cozystack", month) != number || number == 0 || s.Changes("cozystack", month+1) == 0 || s.Changes("cozystack", month+2) != 0 {
		t.Errorf("%d after %d, then %d and %d", s.Changes("cozystack", month), number, s.Changes("cozystack", month+1), s.Changes("cozystack", month+2))
	}
}

// Who sees that fewer are excluded, since some were forgotten, sees that months have
// changed: what was kept of these is not taken for what it is without them.
func TestForgetChangesMonthsBeforeWhatIsExcluded(t *testing.T) {
	const instances = 8
	s := fleetFile(t, instances, nil)
	month := rollup.MonthOf(march)
	for i := range instances {
		exclude(t, s, uuid(i))
		before, changes := s.Exclusions("cozystack").Digest, s.Changes("cozystack", month)
		ended := make(chan error, 1)
		go func() {
			_, _, err := s.Forget(t.Context(), rollup.Selection{Product: "cozystack", Instances: map[string]struct{}{uuid(i): {}}}, func(int64, int64) {})
			ended <- err
		}()
		for s.Exclusions("cozystack").Digest == before && len(ended) == 0 {
		}
		if now := s.Changes("cozystack", month); now == changes {
			t.Errorf("%d: months are as they were", i)
		}
		must(t, <-ended)
	}
}
