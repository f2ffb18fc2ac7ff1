package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// flood returns a report with n kinds of applications and one node.
func flood(instance string, received time.Time, n int) rollup.Report {
	r := report(instance, received, `cozy_nodes_count{kernel="6"}`)
	for i := range n {
		s := rollup.Series(fmt.Sprintf(`cozy_application_count{kind="K%05d"}`, i))
		r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: 1})
	}
	return r
}

// dayOf returns an instance's record.
func dayOf(t *testing.T, s *Store, instance string, date rollup.Date) rollup.Day {
	t.Helper()
	return stored(t, s)[target{date, "cozystack", instance}]
}

// What is kept of a cluster is bounded, day by day and month by month, however it
// comes in: as a report, an import, or a fold.
func TestBoundsHoldEverywhere(t *testing.T) {
	leftOut := 0
	s := open(t, Options{Bounds: rollup.Bounds{Series: 50, Kinds: 20}, OnCommit: func(c Commit) { leftOut += c.LeftOut }})
	must(t, s.Record(t.Context(), flood("x", march, 10_000), nil))
	must(t, s.Record(t.Context(), report("own", march, "a", "b"), nil))
	imported := rollup.FromReport(flood("y", march, 10_000))
	must(t, s.MergeDays(t.Context(), "cozystack", rollup.DateOf(march), []rollup.InstanceDay{{Instance: "y", Day: imported}}))
	for _, instance := range []string{"x", "y"} {
		d := dayOf(t, s, instance, rollup.DateOf(march))
		if len(d.Points) != 21 || d.Sums[0].Peak != 10_000 || d.Sums[1].Metric != "cozy_nodes_count" {
			t.Errorf("%s: %d series, sums %v", instance, len(d.Points), d.Sums)
		}
	}
	if got := len(dayOf(t, s, "own", rollup.DateOf(march)).Points); got != 2 {
		t.Errorf("another cluster has %d series", got)
	}
	// Each day brings other kinds; the month keeps as few as a day.
	month := rollup.MonthOf(march)
	for i := range 5 {
		r := report("z", march.AddDate(0, 0, i))
		for k := range 20 {
			series := rollup.Series(fmt.Sprintf(`cozy_application_count{kind="K%d-%d"}`, i, k))
			r.Samples = append(r.Samples, rollup.Sample{Series: series, Value: 1})
		}
		must(t, s.Record(t.Context(), r, nil))
	}
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	must(t, s.Record(t.Context(), flood("late", march, 100), nil)) // merged into the folded month too
	for _, f := range folded(t, s, "cozystack", month, month, nil) {
		if n := len(f.months[0].Peaks); n > 21 {
			t.Errorf("%s: the month has %d series", f.instance, n)
		}
	}
	must(t, s.Close())
	if want := 2*(10_000-20) + 80; leftOut != want {
		t.Errorf("%d series are said to be left out, want %d", leftOut, want)
	}
}

// A full dictionary leaves new series out, and goes on with those it knows. Of 13 places 3
// are kept.
func TestFullDictionary(t *testing.T) {
	leftOut := 0
	opts := Options{Dictionary: 13, OnCommit: func(c Commit) { leftOut += c.LeftOut }}
	s := open(t, opts)
	date, month := rollup.DateOf(march), rollup.MonthOf(march)
	series := func(from, n int) (all []rollup.Series) {
		for i := range n {
			all = append(all, rollup.Series(fmt.Sprintf(`a{x="%03d"}`, from+i)))
		}
		return all
	}
	must(t, s.Record(t.Context(), report("x", march, series(0, 8)...), nil))
	must(t, s.Record(t.Context(), report("y", march, series(5, 8)...), nil)) // 5 to 12; 10 to 12 find no room
	must(t, s.Record(t.Context(), report("z", march, "b"), nil))             // nothing of it is known
	must(t, s.Record(t.Context(), report("x", march.AddDate(0, 0, 1), series(0, 8)...), nil))
	for instance, want := range map[string]int{"x": 8, "y": 5, "z": 0} {
		if got := len(dayOf(t, s, instance, date).Points); got != want {
			t.Errorf("%s has %d series, want %d", instance, got, want)
		}
	}
	before := folded(t, s, "cozystack", month, month, nil)
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), before)
	must(t, s.Record(t.Context(), report("x", march, series(0, 20)...), nil))
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), withSeries(before, "x", "y"))
	// The next month begins anew.
	next := march.AddDate(0, 1, 0)
	must(t, s.Record(t.Context(), report("z", next, "b"), nil))
	if got := len(dayOf(t, s, "z", rollup.DateOf(next)).Points); got != 1 {
		t.Errorf("in the next month z has %d series", got)
	}
	must(t, s.Close())
	if want := 3 + 1 + 10; leftOut != want {
		t.Errorf("%d series are said to be left out, want %d", leftOut, want)
	}
}

// A full dictionary still tells that a new cluster is there, and its nodes.
func TestFullDictionaryHidesNoCluster(t *testing.T) {
	s := open(t, Options{Dictionary: 10, Lasting: []string{"cozy_cluster_info", "cozy_nodes_count"}})
	must(t, s.Record(t.Context(), flood("abuser", march, 100), nil))
	new := report("new", march, `cozy_cluster_info{v="9"}`, `cozy_nodes_count{kernel="8"}`, `cozy_nodes_count{kernel="9"}`, `other{x="1"}`)
	must(t, s.Record(t.Context(), new, nil))
	must(t, s.Record(t.Context(), new, nil))
	d := dayOf(t, s, "new", rollup.DateOf(march))
	want := rollup.FromReport(new)
	want.Sums = want.Sums[:2] // without other
	if len(d.Points) != 2 || d.Points[0].Series != "cozy_cluster_info" || d.Points[1].Series != "cozy_nodes_count" || !slices.Equal(d.Sums, want.Sums) {
		t.Errorf("kept is %+v", d)
	}
	month := rollup.MonthOf(march)
	before := folded(t, s, "cozystack", month, month, nil)
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	compareFolds(t, folded(t, s, "cozystack", month, month, nil), before)
}

// withSeries gives one instance all series of another too.
func withSeries(all []foldedInstance, to, from string) []foldedInstance {
	find := func(name string) *foldedInstance {
		for i := range all {
			if all[i].instance == name {
				return &all[i]
			}
		}
		panic(name)
	}
	x, y := find(to), find(from)
	sum := 20.0 // one report had that many
	x.months[0].Peaks = x.months[0].Merge(y.months[0]).Peaks
	x.months[0].Metrics[0].Highest = x.months[0].Metrics[0].With(uint8(march.Day()), sum)
	return all
}

// A request without a name fails alone, not the others of its transaction.
func TestNameless(t *testing.T) { synctest.Test(t, testNameless) }

func testNameless(t *testing.T) {
	s := open(t, Options{})
	long := strings.Repeat("x", bolt.MaxKeySize+1)
	bad := []rollup.Report{report("", march, "a"), report(long, march, "a"), {Product: "", Instance: "x", Received: march}, of(long[:bolt.MaxKeySize-7], report("x", march, "a"))}
	release := holdWriter(t, s)
	var wg sync.WaitGroup
	errs := make([]error, len(bad)+2)
	for i, r := range bad {
		wg.Go(func() { errs[i] = s.Record(t.Context(), r, []byte("line 1 1\n")) })
	}
	wg.Go(func() {
		errs[len(bad)] = s.MergeDays(t.Context(), "p", rollup.DateOf(march), []rollup.InstanceDay{{Instance: "", Day: rollup.FromReport(report("x", march, "a"))}})
	})
	wg.Go(func() { errs[len(bad)+1] = s.Record(t.Context(), report("x", march, "a"), nil) })
	synctest.Wait()
	release()
	wg.Wait()
	for i, err := range errs[:len(bad)+1] {
		if !errors.Is(err, dberrors.ErrNameless) {
			t.Errorf("%d: got %v", i, err)
		}
	}
	must(t, errs[len(bad)+1])
	must(t, s.Ready(t.Context()))
	if m := stored(t, s); len(m) != 1 || s.Queue().Blocks != 0 {
		t.Errorf("%d records, %+v", len(m), s.Queue())
	}
}

func TestReadyAfterClose(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Ready(t.Context()))
	must(t, s.Close())
	if err := s.Ready(t.Context()); !errors.Is(err, dberrors.ErrClosed) {
		t.Errorf("got %v", err)
	}
}

func TestSetAside(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	must(t, os.WriteFile(path, []byte("damaged"), 0o600))
	aside, err := SetAside(path, march.In(time.FixedZone("", 3600)))
	must(t, err)
	if aside != path+".damaged-20260305T100000Z" {
		t.Errorf("it is called %s", aside)
	}
	if b, err := os.ReadFile(aside); string(b) != "damaged" || err != nil {
		t.Errorf("it has %q, %v", b, err)
	}
	// The same second again: nothing is replaced.
	must(t, os.WriteFile(path, []byte("damaged again"), 0o600))
	if _, err := SetAside(path, march); !errors.Is(err, os.ErrExist) {
		t.Errorf("got %v", err)
	}
	for p, want := range map[string]string{aside: "damaged", path: "damaged again"} {
		if b, err := os.ReadFile(p); string(b) != want || err != nil {
			t.Errorf("%s has %q, %v", p, b, err)
		}
	}
}
