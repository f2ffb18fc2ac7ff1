package mirror

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// monthStore has a cluster's report on each of some days of March.
func monthStore(days int) *memStore {
	s := newMemStore("db-1")
	for d := range days {
		s.report("cluster-a", march1.AddDate(0, 0, d), float64(d+1))
	}
	return s
}

// sizes returns the bytes of days' files, from the newest one back.
func sizes(t *testing.T, dir string) (each []int64) {
	t.Helper()
	files, _, err := place{dir, product}.dayFiles()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range slices.Backward(files) {
		each = append(each, f.size)
	}
	return each
}

func sum(all []int64) (n int64) {
	for _, one := range all {
		n += one
	}
	return n
}

// syncBounded syncs with a bound, and holds that the folder has just the newest days.
func syncBounded(t *testing.T, dir string, s *memStore, bound int64, want int) {
	t.Helper()
	m := New(dir, s, Config{DaysBytes: bound})
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := sizes(t, dir)
	if len(got) != want || sum(got) > bound && bound > 0 {
		t.Errorf("bound %d: %d days of %d bytes, want %d days", bound, len(got), sum(got), want)
	}
	newest := newestOf(s.versions)
	for i := range want {
		if !m.part(product).hasDay(newest - rollup.Date(i)) {
			t.Errorf("bound %d: %s is missing", bound, newest-rollup.Date(i))
		}
	}
	days, through, err := m.LeftOut()
	if days != len(s.versions)-want || days > 0 && through != newest-rollup.Date(want) || err != nil {
		t.Errorf("bound %d: %d days up to %s are left out, %v", bound, days, through, err)
	}
}

// The oldest days go first, no day before one that found no room stays, and what was
// left out comes back with another bound only.
func TestOldestDaysAreLeftOut(t *testing.T) {
	dir, s := t.TempDir(), monthStore(10)
	syncBounded(t, dir, s, -1, 10)
	all := sizes(t, dir)
	bound := sum(all[:6])
	syncBounded(t, dir, s, bound, 6)
	s.reads = 0
	syncBounded(t, dir, s, bound, 6)
	if s.reads != 0 {
		t.Errorf("%d days are read again", s.reads)
	}
	syncBounded(t, dir, s, 0, 6) // who knows no bound keeps to that of the folder
	syncBounded(t, dir, s, bound-1, 5)
	syncBounded(t, dir, s, bound, 6)
	// Another day: the oldest one makes room. What is zipped meanwhile brings none back.
	s.report("cluster-a", march1.AddDate(0, 0, 10), 11)
	m := New(dir, s, Config{DaysBytes: bound})
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sizes(t, dir); sum(got) > bound || len(got) < 5 {
		t.Errorf("%d days of %d bytes", len(got), sum(got))
	}
	syncBounded(t, dir, s, all[0]/2, 0)
	syncBounded(t, dir, s, -1, 11)
	if strings.Contains(folder(t, dir)[manifestFile], "left_out") {
		t.Error("the manifest still tells of days that are left out")
	}
}

// One day that is larger than all that is left is never written, not even for a moment,
// and no day before it stays.
func TestLargeDayIsLeftOut(t *testing.T) {
	dir, s := t.TempDir(), monthStore(5)
	for i := range 500 {
		s.report(fmt.Sprintf("flood-%03d", i), march1.AddDate(0, 0, 2), float64(i))
	}
	bound := int64(2000)
	syncBounded(t, dir, s, bound, 2)
	for _, day := range []int{0, 1, 2} {
		s.report("late", march1.AddDate(0, 0, day), 1)
	}
	s.reads = 0
	syncBounded(t, dir, s, bound, 2)
	if s.reads != 0 {
		t.Errorf("%d days that are left out are read", s.reads)
	}
	// Retention takes them, and nothing is left out.
	for d := range 3 {
		s.drop(rollup.DateOf(march1.AddDate(0, 0, d)))
	}
	syncBounded(t, dir, s, bound, 2)
}

// What is left out is no damage, and who reads the folder is told.
func TestLeftOutIsTold(t *testing.T) {
	dir, s := t.TempDir(), monthStore(4)
	syncBounded(t, dir, s, -1, 4)
	syncBounded(t, dir, s, sum(sizes(t, dir)[:2]), 2)
	n, err := Check(t.Context(), dir, s, func(file, why string) { t.Error(file, why) })
	if n.Days != 2 || n.LeftOut != 2 || err != nil {
		t.Errorf("%+v, %v", n, err)
	}
	var told []string
	err = Read(t.Context(), dir, Reader{
		Day: func(date rollup.Date, _, _ string, _ rollup.Day) error {
			told = append(told, date.String())
			return nil
		},
		Month:   func(rollup.Snapshot) error { return nil },
		Bad:     func(file string, _ int, why error) error { t.Error(file, why); return nil },
		LeftOut: func(_ string, through rollup.Date, _ int64) { told = append(told, "left out "+through.String()) },
	})
	if want := []string{"left out 2026-03-02", "2026-03-03", "2026-03-04"}; !slices.Equal(told, want) || err != nil {
		t.Errorf("told %q, %v", told, err)
	}
	if err := os.Remove(filepath.Join(dir, "rollups/2026-03-03.jsonl.gz")); err != nil {
		t.Fatal(err)
	}
	bad := map[string]string{}
	if _, err := Check(t.Context(), dir, s, func(file, why string) { bad[file] = why }); len(bad) != 1 || err != nil {
		t.Errorf("bad %q, %v", bad, err)
	}
}

// A manifest that somebody has edited costs nothing that the store does not have.
func TestEditedLeftOut(t *testing.T) {
	for _, edit := range []string{
		`{"through":"../x","max_bytes":5000}`, `{"through":"9999-12-31","max_bytes":1}`, `{"max_bytes":-1}`, `{}`, `{"through":"9999-12-31","max_bytes":-1}`,
	} {
		dir, s := t.TempDir(), monthStore(2)
		put(t, dir, manifestFile, `{"database":"db-1","days":{},"left_out":`+edit+`}`)
		put(t, dir, "rollups/2026-02-01.jsonl.gz", "x")
		m := New(dir, s, Config{DaysBytes: 5000})
		if err := m.Sync(t.Context()); err != nil || len(sizes(t, dir)) != 3 {
			t.Errorf("%s: %d days, %v", edit, len(sizes(t, dir)), err)
		}
	}
}

// The log tells of each change once, and the metric at each turn.
func TestRunTellsOfLeftOutDays(t *testing.T) {
	dir := t.TempDir()
	syncBounded(t, dir, monthStore(6), -1, 6)
	bound := sum(sizes(t, dir)[:3])
	synctest.Test(t, func(t *testing.T) {
		s := monthStore(6)
		var turns []int
		stop, log := startRun(New(dir, s, Config{Every: time.Minute, DaysBytes: bound, OnSync: func(n int, _ error) { turns = append(turns, n) }}))
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		stop()
		if !slices.Equal(turns, []int{3, 3, 3, 3}) || strings.Count(log.String(), "are left out") != 1 || !bytes.Contains(log.Bytes(), []byte(`"days":3,"through":"2026-03-03"`)) {
			t.Errorf("turns %v, log:\n%s", turns, log)
		}
	})
}

// Below the reserve no day is written; what is there stays, and what has ended goes. With
// room again the mirror goes on.
func TestReserveOfTheVolume(t *testing.T) {
	dir, s := t.TempDir(), monthStore(3)
	repair(t, dir, s)
	before := folder(t, dir)
	s.report("cluster-b", march1.AddDate(0, 0, 2), 7)
	s.drop(rollup.DateOf(march1))
	short := New(dir, s, Config{MinFree: 1 << 60})
	err := short.Sync(t.Context())
	if err == nil || !strings.Contains(remedy(err), "--min-free-bytes") {
		t.Fatalf("got %v", err)
	}
	after := folder(t, dir)
	delete(before, march1File)
	delete(before, manifestFile)
	delete(after, manifestFile)
	if !maps.Equal(before, after) {
		t.Errorf("files are\n%v\nwant\n%v", after, before)
	}
	// A lower bound makes room also then.
	if err := New(dir, s, Config{MinFree: 1 << 60, DaysBytes: sizes(t, dir)[0] + 1}).Sync(t.Context()); err == nil {
		t.Error("the newest day is written")
	}
	if got := sizes(t, dir); len(got) != 1 {
		t.Errorf("with a lower bound there are %d days", len(got))
	}
	if err := New(dir, s, Config{MinFree: 1, DaysBytes: -1}).Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireFresh(t, "with room again", dir, s)
}

// Who is forgotten is so on a volume below the reserve too: what has their lines becomes
// shorter.
func TestForgetBelowTheReserve(t *testing.T) {
	dir, s := t.TempDir(), monthStore(3)
	s.report("cluster-b", march1, 7)
	repair(t, dir, s)
	delete(s.days[rollup.DateOf(march1)], [2]string{product, "cluster-b"})
	lines, err := New(dir, s, Config{MinFree: 1 << 60}).Forget(t.Context(), only("cluster-b"))
	if lines != 1 || err != nil {
		t.Errorf("%d lines are removed, %v", lines, err)
	}
	left, _ := read(t, dir)
	if len(left) != 3 {
		t.Errorf("left are %v", left)
	}
}

// The newest day is plain only while that is not long, and is zipped where it would
// not fit else: days before it stay.
func TestLongNewestDayIsZipped(t *testing.T) {
	dir, s := t.TempDir(), monthStore(3)
	for i := range 500 {
		s.report(fmt.Sprintf("flood-%03d", i), march1.AddDate(0, 0, 2), float64(i))
	}
	m := New(dir, s, Config{DaysBytes: 20_000})
	for range 2 {
		s.reads = 0
		if err := m.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		files := slices.Sorted(maps.Keys(folder(t, dir)))
		if want := []string{"rollups/2026-03-01.jsonl.gz", "rollups/2026-03-02.jsonl.gz", "rollups/2026-03-03.jsonl.gz", manifestFile}; !slices.Equal(files, want) {
			t.Errorf("files are %q, want %q", files, want)
		}
	}
	if s.reads != 0 {
		t.Errorf("%d days are read again", s.reads)
	}
	n, err := Check(t.Context(), dir, s, func(file, why string) { t.Error(file, why) })
	if n.Days != 3 || err != nil {
		t.Errorf("%+v, %v", n, err)
	}
}

// A newest day that does not fit as it lies, since the bound is lower than before, is zipped
// rather than left out, also while nothing of it has changed.
func TestLowerBoundZipsTheNewestDay(t *testing.T) {
	dir, s := t.TempDir(), monthStore(1)
	for i := range 500 {
		s.report(fmt.Sprintf("cluster-%03d", i), march1, 1)
	}
	syncBounded(t, dir, s, -1, 1)
	syncBounded(t, dir, s, sizes(t, dir)[0]/2, 1)
}
