package store

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A report of another product is counted with its month, also one that repeats another, or
// has no instance, or no samples. A merge counts each file's once, however often it is part
// of what is merged.
func TestReportsAreCounted(t *testing.T) {
	dir := t.TempDir()
	month := rollup.MonthOf(march)
	record := func(path string, n int) string {
		return fileOf(t, path, func(s *Store) {
			for range n {
				must(t, s.Record(t.Context(), of("coroot", report(uuid(1), march, "a")), nil))
			}
			must(t, s.Record(t.Context(), rollup.Report{Product: "coroot", Received: march}, nil))
			must(t, s.Record(t.Context(), rollup.Report{Product: "coroot", Instance: uuid(2), Received: march}, nil))
			must(t, s.Record(t.Context(), of("coroot", report(uuid(1), march.AddDate(0, -1, 0), "a")), nil))
			must(t, s.Record(t.Context(), report(uuid(1), march, "a"), nil))
		})
	}
	count := func(path string) (n int64) {
		t.Helper()
		s := openAt(t, path, Options{})
		n, err := s.Reports("coroot", month)
		must(t, err)
		if own, err := s.Reports(rollup.Cozystack, month); own != 0 || err != nil {
			t.Errorf("of cozystack %d are counted: %v", own, err)
		}
		must(t, s.Close())
		return n
	}
	one := record(filepath.Join(dir, "one.db"), 3)
	older := copyOfFile(t, one, filepath.Join(dir, "older.db"))
	record(one, 1)
	two := record(filepath.Join(dir, "two.db"), 10)
	if a, b := count(one), count(two); a != 5+3 || b != 12 {
		t.Errorf("%d and %d", a, b)
	}
	merged, again := filepath.Join(dir, "merged.db"), filepath.Join(dir, "again.db")
	_, err := rewrite.Combine(t.Context(), merged, []string{two, older, one}, nil)
	must(t, err)
	_, err = rewrite.Combine(t.Context(), again, []string{merged, one}, nil)
	must(t, err)
	if a, b := count(merged), count(again); a != 20 || b != 20 {
		t.Errorf("merged %d, and again %d", a, b)
	}
}

// The totals of a day and the note of them come together, and are no report.
func TestTotalsAreQueued(t *testing.T) {
	s := open(t, Options{})
	if _, ok, err := s.TotalsThrough("kubeatlas"); ok || err != nil {
		t.Errorf("of a new file: %t, %v", ok, err)
	}
	day := rollup.DateOf(march)
	must(t, s.QueueTotals(t.Context(), "kubeatlas", day, []byte("kubeatlas_sessions 3 1\n")))
	must(t, s.QueueTotals(t.Context(), "kubeatlas", day+1, nil))
	s = reopen(t, s)
	blocks := waitingFor(t, s, "kubeatlas")
	if len(blocks) != 1 || text(t, blocks) != "kubeatlas_sessions 3 1\n" || !blocks[0].Received.Equal(day.Start()) {
		t.Errorf("%+v", blocks)
	}
	through, ok, err := s.TotalsThrough("kubeatlas")
	if through != day+1 || !ok || err != nil {
		t.Errorf("through %s, %t, %v", through, ok, err)
	}
	if n, err := s.Reports("kubeatlas", rollup.MonthOf(march)); n != 0 || err != nil {
		t.Errorf("%d reports, %v", n, err)
	}
}

// What is forgotten of a file leaves its key and its counts as they were, and reports that
// come while it is rewritten are counted.
func TestForgetKeepsKeyAndCounts(t *testing.T) {
	s := open(t, Options{})
	key, err := s.IdentityKey(t.Context())
	must(t, err)
	for i := range 3 {
		must(t, s.Record(t.Context(), of("coroot", report(uuid(i), march, "a")), nil))
	}
	sent := int64(3)
	_, _, err = s.Forget(t.Context(), rollup.Selection{Product: "coroot", Instances: map[string]struct{}{uuid(1): {}}}, func(int64, int64) {
		sent++
		must(t, s.Record(t.Context(), of("coroot", report(uuid(7), march, "a")), nil))
	})
	must(t, err)
	s = reopen(t, s)
	again, err := s.IdentityKey(t.Context())
	must(t, err)
	n, err := s.Reports("coroot", rollup.MonthOf(march))
	if err != nil || n != sent || sent == 3 || string(again) != string(key) {
		t.Errorf("%d reports are counted of %d, %v; the key %x became %x", n, sent, err, key, again)
	}
}

// Of merged files totals count as queued up to the first day up to which a file's were: up
// to the day before its first one, where none of its days was.
func TestMergeOfTotals(t *testing.T) {
	dir := t.TempDir()
	day := rollup.DateOf(march)
	file := func(name, product string, through ...rollup.Date) string {
		return fileOf(t, filepath.Join(dir, name), func(s *Store) {
			must(t, s.Record(t.Context(), of(product, report(uuid(1), march, "a")), nil))
			for _, d := range through {
				must(t, s.QueueTotals(t.Context(), "kubeatlas", d, nil))
			}
		})
	}
	some, more := file("some.db", "kubeatlas", day), file("more.db", "kubeatlas", day+3)
	none, other := file("none.db", "kubeatlas"), file("other.db", "synapse")
	for name, c := range map[string]struct {
		files   []string
		through rollup.Date
	}{
		"both":             {[]string{more, some}, day},
		"with none queued": {[]string{more, none}, day - 1},
		"with other days":  {[]string{some, other}, day},
	} {
		for _, turned := range []bool{false, true} {
			if turned {
				slices.Reverse(c.files)
			}
			into := filepath.Join(dir, name+strconv.FormatBool(turned)+".db")
			_, err := rewrite.Combine(t.Context(), into, c.files, nil)
			must(t, err)
			through, ok, err := openAt(t, into, Options{}).TotalsThrough("kubeatlas")
			if through != c.through || !ok || err != nil {
				t.Errorf("%s: through %s, %t, %v", name, through, ok, err)
			}
		}
	}
}
