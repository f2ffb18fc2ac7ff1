package overview

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// flooded is a month of two honest clusters and a flood of three.
func flooded(month string) []line {
	var all []line
	for i := range 2 {
		all = append(all, line{fmt.Sprintf("honest%d", i), month + "-05T10:00:00Z", []string{
			"cozy_cluster_info 1", "cozy_nodes_count 3", `cozy_application_count{kind="Tenant"} 2`, `cozy_application_count{kind="Redis"} 1`,
		}})
	}
	for i := range 3 {
		all = append(all, line{fmt.Sprintf("flood.%d", i), month + "-06T10:00:00Z", []string{
			"cozy_cluster_info 1", "cozy_nodes_count 10000", `cozy_application_count{kind="Redis"} 100000`,
		}})
	}
	return all
}

var flood = []string{"flood.0", "flood.1", "flood.2"}

// A final month shows less once clusters are excluded, and what it showed before once
// they are included, whether it is asked for or counted again first.
func TestExcludedAreInNoFigure(t *testing.T) {
	for _, byRequest := range []bool{true, false} {
		t.Run(fmt.Sprintf("by request %t", byRequest), func(t *testing.T) {
			r := newRig(t, "2026-05-02T12:00:00Z", Config{}, append(flooded("2026-03"), flooded("2026-05")...)...)
			shows := func(clusters, nodes, redis int64) {
				t.Helper()
				if !byRequest {
					if left, err := r.CountAgain(t.Context()); err != nil || len(left) != 0 {
						t.Errorf("%v are left, %v", left, err)
					}
				}
				r.forget()
				for _, month := range []string{"2026-03", "2026-05"} {
					got := r.ask(t, month, Average).Periods.Month
					if got.Clusters != clusters || got.TotalNodes != nodes || got.Apps["redis"] != redis || *got.UniqueClusters != clusters {
						t.Errorf("%s shows %+v", month, got)
					}
				}
				year := r.ask(t, "2026-05", Distinct).Periods.Year
				if year.Clusters != clusters || year.TotalNodes != nodes {
					t.Errorf("the year shows %+v", year)
				}
				if s, _, err := r.store.Snapshot(monthID(t, "2026-03")); err != nil || s.Clusters != clusters || !s.Final {
					t.Errorf("stored is %+v, %v", s, err)
				}
			}
			shows(5, 30_006, 300_002)
			r.store.exclude(flood...)
			shows(2, 6, 2)
			r.store.exclude(flood[1:]...)
			shows(3, 10_006, 100_002)
			r.store.exclude()
			shows(5, 30_006, 300_002)
		})
	}
}

// A month that had none but the excluded has no data.
func TestMonthOfTheExcludedAlone(t *testing.T) {
	r := newRig(t, "2026-05-02T12:00:00Z", Config{}, flooded("2026-03")[2:]...)
	id := monthID(t, "2026-03")
	r.ask(t, "2026-03", Average)
	r.store.exclude(flood...)
	if _, err := r.CountAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Answer(t.Context(), id, Average, Seen); !errors.Is(err, ErrNoData) {
		t.Errorf("the answer is %v", err)
	}
	r.store.exclude()
	if got := r.ask(t, "2026-03", Average).Periods.Month; got.Clusters != 3 {
		t.Errorf("in the end it shows %+v", got)
	}
}

// A month of which vmselect had more than the file keeps its figures where no source can
// tell them without the excluded. It says that it is not complete.
func TestMonthThatCannotBeCountedAgain(t *testing.T) {
	r := newRig(t, "2026-05-02T12:00:00Z", Config{}, flooded("2026-03")...)
	id := monthID(t, "2026-03")
	stored := exact(1000, 31)
	stored.Month, stored.DaysWithData, stored.CollectedAt = id, 31, instant(t, "2026-04-01T02:00:00Z")
	if _, err := r.store.OfferSnapshot(t.Context(), *stored); err != nil {
		t.Fatal(err)
	}
	if got := r.ask(t, "2026-03", Average).Periods.Month; got.Clusters != 1000 || !got.Complete {
		t.Errorf("before it shows %+v", got)
	}
	r.store.exclude(flood...)
	left, err := r.CountAgain(t.Context())
	if err != nil || len(left) != 1 || left[0] != id {
		t.Errorf("left is %v, %v", left, err)
	}
	if got := r.ask(t, "2026-03", Average).Periods.Month; got.Clusters != 1000 || got.Complete {
		t.Errorf("then it shows %+v", got)
	}
}

// A month from before the file, which vmselect has lost meanwhile or can't tell now, is
// never taken for one of the excluded alone, however many these are.
func TestMonthThatVMSelectHasLost(t *testing.T) {
	for name, fail := range map[string]error{"it answers nothing": nil, "it does not answer": errors.New("down")} {
		t.Run(name, func(t *testing.T) {
			vm := newFakeVM()
			vm.set(fail)
			r := newRig(t, "2026-05-02T12:00:00Z", vm.config(), append(flooded("2026-05"), flooded("2026-04")...)...)
			stored := exact(2, 31)
			stored.Month, stored.DaysWithData, stored.CollectedAt, stored.CheckedAt = monthID(t, "2026-03"), 31, instant(t, "2026-04-01T02:00:00Z"), instant(t, "2026-04-03T02:00:00Z")
			if _, err := r.store.OfferSnapshot(t.Context(), *stored); err != nil {
				t.Fatal(err)
			}
			r.store.exclude(flood...)
			for range 2 {
				if got := r.ask(t, "2026-03", Average).Periods.Month; got.Clusters != 2 || got.Complete {
					t.Errorf("it shows %+v", got)
				}
				if got := r.ask(t, "2026-05", Average).Periods.Year; got.Months != 3 {
					t.Errorf("the year shows %+v", got)
				}
				if _, err := r.CountAgain(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if s, _, err := r.store.Snapshot(stored.Month); err != nil || s.Clusters != 2 || !s.Final {
				t.Errorf("stored is %+v, %v", s, err)
			}
		})
	}
}

// vmselect is told whom to leave out, and is not asked where it can't be told. What it has
// said before is not taken for an answer.
func TestVMSelectLeavesOutTheExcluded(t *testing.T) {
	vm := newFakeVM()
	id := monthID(t, "2026-03")
	vm.knows(id, 5)
	r := newRig(t, "2026-05-02T12:00:00Z", vm.config(), flooded("2026-03")...)
	r.ask(t, "2026-03", Average)
	asked := vm.times(id)

	vm.knows(id, 2)
	r.store.exclude(flood...)
	if got := r.ask(t, "2026-03", Average).Periods.Month; got.Clusters != 5 {
		t.Errorf("before it is counted again it shows %+v", got)
	}
	if _, err := r.CountAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.ask(t, "2026-03", Average).Periods.Month; got.Clusters != 2 || vm.times(id) == asked {
		t.Errorf("asked %d times, then %d: %+v", asked, vm.times(id), got)
	}

	asked = vm.times(id)
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("3f2504e0-4f89-41d3-9a0c-%012d", i))
	}
	r.store.exclude(append(many, flood...)...)
	if _, err := r.CountAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := r.ask(t, "2026-03", Average).Periods.Month
	if got.Clusters != 2 || got.Source != rollup.SourceRollups || vm.times(id) != asked {
		t.Errorf("asked %d times, then %d: %+v", asked, vm.times(id), got)
	}
	if s, _, _ := r.store.Snapshot(id); s.CheckedAt.IsZero() {
		t.Errorf("nobody is asked, and yet it is not checked: %+v", s)
	}
}

// verify does not take figures of before for damage, nor those of now.
func TestCompareOfStaleFigures(t *testing.T) {
	r := newRig(t, "2026-05-02T12:00:00Z", Config{}, flooded("2026-03")...)
	compare := func() string {
		t.Helper()
		s, _, err := r.store.Snapshot(monthID(t, "2026-03"))
		if err != nil {
			t.Fatal(err)
		}
		note, err := r.Compare(s)
		if err != nil {
			t.Errorf("%+v: %v", s, err)
		}
		return note
	}
	r.ask(t, "2026-03", Average)
	r.store.exclude(flood...)
	if note := compare(); !strings.Contains(note, "will be counted again") {
		t.Errorf("the note is %q", note)
	}
	if _, err := r.CountAgain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if note := compare(); note != "" {
		t.Errorf("counted again, the note is %q", note)
	}
}

// A crash between excluding and counting heals: the collector finds what is stale, however
// long ago, and tries once what can't be counted again.
func TestCollectorCountsStaleMonths(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, "2026-05-02T12:00:00Z", Config{}, append(flooded("2024-02"), flooded("2026-03")...)...)
		for _, month := range []string{"2024-02", "2026-03"} {
			r.ask(t, month, Average)
		}
		r.store.exclude(flood...)
		c := collector{Overview: r.Overview}
		c.round(t.Context())
		for _, month := range []string{"2024-02", "2026-03"} {
			if s, _, err := r.store.Snapshot(monthID(t, month)); err != nil || s.Clusters != 2 || !s.Final {
				t.Errorf("%s: stored is %+v, %v", month, s, err)
			}
		}
		folds := r.store.foldCount()
		r.clock.add(time.Minute)
		c.round(t.Context())
		if now := r.store.foldCount(); now != folds {
			t.Errorf("folded %d times more", now-folds)
		}
	})
}

// damagedMonth is a store of which one month's days can't be closed.
type damagedMonth struct {
	Store
	id rollup.MonthID
}

func (d damagedMonth) CloseDays(ctx context.Context, id rollup.MonthID, through rollup.Date) error {
	if id == d.id {
		return errors.New("damaged")
	}
	return d.Store.CloseDays(ctx, id, through)
}

// A month that is damaged does not keep the later ones from being counted again.
func TestDamagedMonthIsPassedOver(t *testing.T) {
	r := newRig(t, "2026-05-02T12:00:00Z", Config{}, append(flooded("2026-02"), flooded("2026-03")...)...)
	for _, month := range []string{"2026-02", "2026-03"} {
		r.ask(t, month, Average)
	}
	r.store.exclude(flood...)
	r.Overview.store = damagedMonth{r.store, monthID(t, "2026-02")}
	if left, err := r.CountAgain(t.Context()); err == nil || len(left) != 0 {
		t.Errorf("%v are left, %v", left, err)
	}
	if s, _, err := r.store.Snapshot(monthID(t, "2026-03")); err != nil || s.Clusters != 2 {
		t.Errorf("stored is %+v, %v", s, err)
	}
}

// Many that are excluded are not written out each time that somebody asks for a month.
func TestManyExcludedCostNothing(t *testing.T) {
	r := newRig(t, "2026-05-02T12:00:00Z", newFakeVM().config())
	var many []string
	for i := range 100_000 {
		many = append(many, fmt.Sprintf("3f2504e0-4f89-41d3-9a0c-%012d", i))
	}
	excluded := rollup.NewExclusions(many)
	allocated := testing.AllocsPerRun(1, func() {
		if r.asks(excluded) {
			t.Error("vmselect is asked")
		}
	})
	if allocated > 0 {
		t.Errorf("%v allocations", allocated)
	}
}

// What a set would change is told before it is one.
func TestTotalsOfExclusions(t *testing.T) {
	r := newRig(t, "2026-05-02T12:00:00Z", Config{}, flooded("2026-03")...)
	r.store.exclude(flood[0])
	all, err := r.Totals(t.Context(), monthID(t, "2026-03"), r.exclusions(), rollup.NewExclusions(flood), rollup.Exclusions{})
	want := []Totals{{4, 20_006, 4}, {2, 6, 4}, {5, 30_006, 4}}
	if err != nil || fmt.Sprint(all) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v: %v", all, want, err)
	}
}

// Exclusions, as they are told to a real VictoriaMetrics.
func TestVictoriaMetricsExcludes(t *testing.T) {
	v := startVictoria(t)
	month := fmt.Sprintf("%d-03", thisYear())
	lines := flooded(month)
	for i := range 3 { // of which dots are no wildcards
		lines[i].instance = []string{"honest0", "honest1", "floodx0"}[i]
	}
	v.load(t, false, lines...)
	r := newRig(t, fmt.Sprintf("%d-05-02T12:00:00Z", thisYear()), Config{VMSelectURL: v.URL})
	var many []string
	for i := range 185 {
		many = append(many, fmt.Sprintf("3f2504e0-4f89-41d3-9a0c-%012d", i))
	}
	r.store.exclude(append(many, flood...)...)
	w := window{monthID(t, month), monthID(t, month)}
	got := r.mustHear(t, w, everything)
	if !r.asks(r.exclusions()) || got.clusters != 3 || got.nodes != 10_006 || got.tenants != 4 || got.kinds["Redis"] != 100_002 || got.days != 2 {
		t.Errorf("got %+v", got)
	}
	if got := r.mustHear(t, w, presence); got.clusters != 3 {
		t.Errorf("presence: %+v", got)
	}
}
