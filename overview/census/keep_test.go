package census_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// TestYoungMonth: on its first days nobody has been seen on seven of them. Who was in the
// month before counts as steady; on a server that is as young as the month, all do.
func TestYoungMonth(t *testing.T) {
	r := newRig(t, census.Config{})
	r.report("2026-05-20", "2026-06-02", 5, running("v1.0.0"), named("old", 6)...)
	r.report("2026-06-02", "2026-06-02", 5, running("v1.1.0"), named("new", 9)...)
	r.now = date("2026-06-03").Start()
	if got, want := text(r.breakdown("2026-06"), published.ByVersion, ""), "15: other 15"; got != want {
		t.Errorf("%s, want %s", got, want) // v1.0.0 hides those that may be made up
	}
	alone := newRig(t, census.Config{})
	alone.report("2026-06-02", "2026-06-02", 5, running("v1.1.0"), named("new", 9)...)
	if got, want := text(alone.breakdown("2026-06"), published.ByVersion, ""), "9: v1.1.0 9"; got != want {
		t.Errorf("a young server: %s, want %s", got, want)
	}
	steady := newRig(t, census.Config{})
	steady.report("2026-05-20", "2026-06-02", 5, running("v1.0.0"), named("old", 6)...)
	steady.report("2026-05-20", "2026-06-02", 5, running("v1.1.0"), named("new", 9)...)
	if got, want := text(steady.breakdown("2026-06"), published.ByVersion, ""), "15: v1.1.0 9, v1.0.0 6"; got != want {
		t.Errorf("a young month: %s, want %s", got, want)
	}
}

// TestWhatIsHeld: what is excluded or forgotten goes at once, a month that ends is read once
// more, and a month that has not changed is not read again.
func TestWhatIsHeld(t *testing.T) {
	r := newRig(t, census.Config{})
	counted := &countingStore{Store: r.store}
	c, err := census.New(counted, census.Config{Now: func() time.Time { return r.now }})
	if err != nil {
		t.Fatal(err)
	}
	r.Census = c
	r.report("2026-04-01", "2026-06-14", 5, running("v1.0.0"), named("a", 6)...)
	r.report("2026-04-01", "2026-06-14", 5, running("v1.1.0"), named("b", 7)...)
	expect := func(what, want string, folds int) {
		t.Helper()
		counted.folds = 0
		if got := text(r.breakdown("2026-06"), published.ByVersion, ""); got != want || counted.folds != folds {
			t.Errorf("%s: %s after %d folds, want %s after %d", what, got, counted.folds, want, folds)
		}
	}
	expect("first", "13: v1.1.0 7, v1.0.0 6", 3)
	r.now = r.now.Add(30 * 24 * time.Hour)
	expect("ended, without a change", "13: v1.1.0 7, v1.0.0 6", 1)
	expect("asked again", "13: v1.1.0 7, v1.0.0 6", 0)
	r.report("2026-06-15", "2026-06-30", 5, running("v1.1.0"), named("a", 6)...)
	expect("changed just now", "13: v1.1.0 7, v1.0.0 6", 0)
	r.now = r.now.Add(time.Hour)
	expect("ended and changed", "13: v1.1.0 13", 1)
	counted.folds = 0
	r.adoption()
	r.retention()
	if counted.folds != 1 { // the running month
		t.Errorf("adoption and retention took %d folds", counted.folds)
	}
	out := rollup.Exclusion{Product: rollup.Cozystack, Instance: "b000", At: r.now}
	if _, err := r.store.Exclude(context.Background(), []rollup.Exclusion{out}); err != nil {
		t.Fatal(err)
	}
	expect("excluded", "12: v1.1.0 12", 3)
	if _, err := r.store.Include(context.Background(), rollup.Cozystack, []string{"b000"}); err != nil {
		t.Fatal(err)
	}
	r.Forget()
	expect("included", "13: v1.1.0 13", 3)

	counted.err = errors.New("damaged")
	r.Forget()
	if _, err := r.Breakdown(context.Background(), monthOf("2026-06")); !errors.Is(err, counted.err) {
		t.Errorf("a store that fails: %v", err)
	}
	counted.err = nil
	expect("again", "13: v1.1.0 13", 3)
	r.Forget()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Breakdown(ctx, monthOf("2026-06")); !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone away: %v", err)
	}
}

// TestHeldAsReadAnew: whatever months are asked for, after whatever was reported meanwhile, the
// answers are those of a census that has held nothing.
func TestHeldAsReadAnew(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 5))
		r := newRig(t, census.Config{})
		for round := range 4 {
			r.send(slices.DeleteFunc(drawFleet(rng), func(sent raw) bool { return round > 0 && sent.day.Month() > monthOf("2026-01") }))
			r.now = r.now.Add(2 * time.Hour)
			fresh, err := census.New(r.store, census.Config{Now: func() time.Time { return r.now }})
			if err != nil {
				t.Fatal(err)
			}
			for _, i := range rng.Perm(4) {
				month := monthOf("2026-01") + rollup.MonthID(i)
				got, err := r.Breakdown(context.Background(), month)
				want, wantErr := fresh.Breakdown(context.Background(), month)
				if !errors.Is(err, wantErr) {
					t.Fatal(err, wantErr)
				}
				if err == nil && !reflect.DeepEqual(got.Dimensions, want.Dimensions) {
					t.Errorf("seed %d, %s: %v\nwant %v", seed, month, got.Dimensions, want.Dimensions)
				}
			}
		}
	}
}

type countingStore struct {
	census.Store
	folds int
	err   error
}

func (s *countingStore) Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(instance string, months []rollup.Month) error) error {
	s.folds++
	if s.err != nil {
		return s.err
	}
	return s.Store.Fold(ctx, product, from, to, metrics, fn)
}

// TestFloodOfValues: 30 clusters that are steady and report 3000 packages each, and text that
// no client sends, take nothing from others, and no text of theirs is shown.
func TestFloodOfValues(t *testing.T) {
	r := newRig(t, census.Config{})
	r.report("2026-05-01", "2026-05-08", 5, running("v1.0.0", packageLine("core", "default"), nodes(3, "linux (Talos (v1.8.4))", "6.6.64-talos")), named("honest", 8)...)
	for i := range 30 {
		s := state{"cozy_cluster_info{cozystack_version=\"" + strings.Repeat("<b>\u202e", i) + "\"} 1"}
		for n := range 3000 {
			s = append(s, packageLine(fmt.Sprintf("p%d-%d", i, n), "<script>"))
		}
		r.report("2026-05-01", "2026-05-08", 5, s, fmt.Sprint("flood", i))
	}
	b := r.breakdown("2026-05")
	for _, tc := range []struct{ dimension, pkg, want string }{
		{published.ByVersion, "", "38: v1.0.0 8, other 30"},
		{published.ByOS, "", "8: Talos 1.8 8"},
		{published.ByPackage, "", "38: core 8"},
		{published.ByVariant, "core", "8: default 8"},
	} {
		if got := text(b, tc.dimension, tc.pkg); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.dimension, tc.pkg, got, tc.want)
		}
	}
}

// A cluster may report thousands of versions in a month. Of those no more texts are held than
// are counted: they stay for as long as the server runs.
func TestVersionsThatAreHeld(t *testing.T) {
	r := newRig(t, census.Config{})
	var s state
	for i := range 1000 {
		s = append(s, running(fmt.Sprintf("v1.%d.0", i))...)
	}
	r.report("2026-05-01", "2026-05-08", 5, s, "a", "b")
	if _, err := r.Adoption(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := r.Versions(); n == 0 || n > 16 {
		t.Errorf("%d texts are held", n)
	}
}
