package store

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// schema2 is a file as the first release left it: four clusters, October folded,
// November as days. Beside it lies what its months must show. What comes later reads
// it, or migrates it.
func schema2(t *testing.T) string {
	t.Helper()
	packed, err := os.Open("testdata/schema2.db.gz")
	must(t, err)
	defer packed.Close()
	zip, err := gzip.NewReader(packed)
	must(t, err)
	b, err := io.ReadAll(zip)
	must(t, err)
	path := filepath.Join(t.TempDir(), "schema2.db")
	must(t, os.WriteFile(path, b, 0o600))
	return path
}

// figures are those of a truth that the rollups alone can tell.
type figures struct {
	Clusters   int64 `json:"clusters"`
	TotalNodes int64 `json:"total_nodes"`
}

func TestFileOfSchema2(t *testing.T) {
	truth := schema2Truth(t)
	path := schema2(t)
	withLate := truth["2026-10"].Clusters + 1
	october, november := rollup.NewMonth(2026, time.October), rollup.NewMonth(2026, time.November)
	for _, migrated := range []bool{false, true} { // the second time nothing is left to do
		s, err := Open(path, Options{})
		must(t, err)
		if isFolded(t, s, october) != migrated || isFolded(t, s, november) {
			t.Error("October must be folded anew, and once, and November not at all")
		}
		for name, want := range truth {
			month, err := rollup.ParseMonth(name)
			must(t, err)
			if got := count(t, s, month); got.Clusters != want.Clusters || got.TotalNodes != want.TotalNodes {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
		}
		before := folded(t, s, "cozystack", october, october, nil)
		must(t, s.CloseDays(t.Context(), october, october.Last()))
		compareFolds(t, folded(t, s, "cozystack", october, october, nil), before)
		if !migrated {
			for _, f := range before {
				checkKnown(t, f.months[0], true)
			}
		}
		// A late report goes into the day and the folded month.
		late := report("late", october.Start(), "cozy_cluster_info", "cozy_nodes_count")
		must(t, s.Record(t.Context(), late, nil))
		if got := count(t, s, october); got.Clusters != withLate {
			t.Errorf("with a late report: %+v", got)
		}
		truth["2026-10"] = count(t, s, october)
		must(t, s.Close())
	}
	checkVersion(t, path, layout.SchemaVersion)
}

// A command on a file that an older version has written says what to do, and leaves the
// file as it is. compact makes a copy of the present schema.
func TestOlderFileAtRest(t *testing.T) {
	path := schema2(t)
	before := stateOf(t, path)
	_, err := OpenReadOnly(path)
	_, forgetErr := rewrite.Forget(t.Context(), path, selection("x"), march, nil)
	_, mergeErr := rewrite.Combine(t.Context(), path+".merged", []string{path}, nil)
	for _, err := range []error{err, forgetErr, mergeErr} {
		if !errors.Is(err, dberrors.ErrOlder) || !strings.Contains(err.Error(), "compact --db OLD -o NEW") {
			t.Errorf("got %v, want ErrOlder with the remedy", err)
		}
	}
	to := filepath.Join(t.TempDir(), "compact.db")
	must(t, rewrite.Compact(t.Context(), path, to, nil))
	if after := stateOf(t, path); after != before {
		t.Error("the file was changed")
	}
	checkVersion(t, to, layout.SchemaVersion)
	checkClean(t, to)
	s, err := Open(path, Options{})
	must(t, err)
	must(t, s.Close())
	checkClean(t, path)
	compareFiles(t, to, path)
}

// What schema 2 had of Cozystack alone lies with its product in schema 3.
func TestSchema3IsByProduct(t *testing.T) {
	path := schema2(t)
	sets := [][]byte{layout.KeyClosed, layout.KeyPending, layout.KeyRemoved}
	october, none := rollup.NewMonth(2026, time.October), rollup.NewMonth(2026, time.November).Last()
	versions := make(map[rollup.Date]uint64)
	days := make([]rollup.DaySet, len(sets))
	db, err := bolt.Open(path, 0o600, nil)
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error {
		must(t, layout.MonthBucket(tx, october).Put(layout.KeyRemoved, []byte{1}))
		must(t, tx.Bucket(layout.BucketDays).DeleteBucket([]byte(october.First().String())))
		must(t, tx.Bucket(layout.BucketDays).SetSequence(uint64(october.First())))
		empty, err := tx.Bucket(layout.BucketDays).CreateBucket([]byte(none.String())) // all of it was forgotten
		must(t, errors.Join(err, empty.SetSequence(7)))
		dates, err := layout.DatesOf(tx)
		for _, date := range dates {
			versions[date] = layout.DayBucket(tx, date).Sequence()
		}
		for i, key := range sets {
			days[i] = layout.DaySet(layout.MonthBucket(tx, october), key)
		}
		days[0] &= rollup.DaySetOf(1) // the other days are folded anew
		return err
	}))
	must(t, db.Close())
	s := openAt(t, path, Options{})
	if got, err := s.DayVersions(rollup.Cozystack); err != nil || !maps.Equal(got, versions) || len(got) < 2 || got[none] != 7 {
		t.Errorf("the days are %v, %v, want %v", got, err, versions)
	}
	if got, err := s.RemovedThrough(rollup.Cozystack); err != nil || got != october.First() {
		t.Errorf("removed through %s, %v", got, err)
	}
	if got, err := s.Products(); err != nil || !slices.Equal(got, []string{rollup.Cozystack}) {
		t.Errorf("the products are %v, %v", got, err)
	}
	must(t, s.view(func(tx *bolt.Tx) error {
		for i, key := range sets {
			got := layout.DaySet(layout.MonthOf(tx, october, rollup.Cozystack), key)
			if got != days[i] || got == 0 || layout.MonthBucket(tx, october).Get(key) != nil {
				t.Errorf("%s: %b, want %b", key, got, days[i])
			}
		}
		if tx.Bucket(layout.BucketExcluded) == nil || tx.Bucket(layout.BucketDays).Sequence() != 0 {
			t.Error("the root is not that of schema 3")
		}
		return nil
	}))
}

// checkKnown tells whether the days of what a month has are known.
func checkKnown(t *testing.T, m rollup.Month, want bool) {
	t.Helper()
	for _, p := range m.Peaks {
		if p.Peak != 0 && (p.Known() != want || p.Seen != 0 != want) {
			t.Errorf("%+v: its days are known, which must be %v", p, want)
		}
	}
	for _, mm := range m.Metrics {
		if mm.Peak != 0 && mm.Known() != want {
			t.Errorf("%+v: its days are known, which must be %v", mm, want)
		}
	}
}

// A month of schema 2 whose days were removed keeps what its records have, of days that
// nobody knows; so does one of which a late report has made a day anew. A day that is
// still there as a whole is folded anew.
func TestRemovedDaysOfSchema2(t *testing.T) {
	october := rollup.NewMonth(2026, time.October)
	for name, tc := range map[string]struct {
		kept    string
		removed rollup.DaySet // as the month notes it
	}{
		"all went":              {"", 1<<31 - 1},
		"a day stayed":          {"2026-10-31", 1<<30 - 1},
		"a day came back":       {"2026-10-31", 1<<31 - 1},
		"an old file's removal": {"2026-10-31", 0},
	} {
		t.Run(name, func(t *testing.T) {
			path := schema2(t)
			removeDays(t, path, october, tc.kept, tc.removed)
			want := schema2Truth(t)["2026-10"]
			s, err := Open(path, Options{})
			must(t, err)
			must(t, s.Close())
			checkClean(t, path) // before the days are folded anew, too
			s, err = Open(path, Options{})
			must(t, err)
			if got := count(t, s, october); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			before := folded(t, s, "cozystack", october, october, nil)
			if tc.kept == "" {
				for _, f := range before {
					checkKnown(t, f.months[0], false)
				}
			}
			must(t, s.CloseDays(t.Context(), october, october.Last()))
			compareFolds(t, folded(t, s, "cozystack", october, october, nil), before)
			must(t, s.Close())
			checkClean(t, path)
		})
	}
}

// removeDays removes the days of a month from a file of schema 2, but for one, as its
// server did.
func removeDays(t *testing.T, path string, month rollup.MonthID, kept string, removed rollup.DaySet) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	must(t, err)
	defer db.Close()
	must(t, db.Update(func(tx *bolt.Tx) error {
		days, gone := tx.Bucket(layout.BucketDays), 0
		for date := month.First(); date <= month.Last(); date++ {
			if name := []byte(date.String()); date.String() != kept && days.Bucket(name) != nil {
				gone++
				must(t, days.DeleteBucket(name))
			}
		}
		if gone == 0 || kept != "" && days.Bucket([]byte(kept)) == nil {
			t.Fatalf("%d days are removed", gone)
		}
		return tx.Bucket(layout.BucketMonths).Bucket([]byte(month.String())).
			Put(layout.KeyRemoved, binary.AppendUvarint(nil, uint64(removed)))
	}))
}

func schema2Truth(t *testing.T) (truth map[string]figures) {
	t.Helper()
	b, err := os.ReadFile("testdata/schema2.truth.json")
	must(t, err)
	must(t, json.Unmarshal(b, &truth))
	return truth
}

// count counts a month as the overview does.
func count(t *testing.T, s *Store, month rollup.MonthID) (f figures) {
	t.Helper()
	metrics := []string{"cozy_cluster_info", "cozy_nodes_count"}
	must(t, s.Fold(context.Background(), "cozystack", month, month, metrics, func(_ string, months []rollup.Month) error {
		for _, m := range months[0].Metrics {
			if m.Metric == "cozy_cluster_info" {
				f.Clusters++
			} else {
				f.TotalNodes += int64(m.Peak)
			}
		}
		return nil
	}))
	return f
}

func checkVersion(t *testing.T, path string, want byte) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	must(t, err)
	defer db.Close()
	must(t, db.View(func(tx *bolt.Tx) error {
		if got := tx.Bucket(layout.BucketMeta).Get(layout.KeySchema); len(got) != 1 || got[0] != want {
			t.Errorf("the file has schema %x, want %d", got, want)
		}
		return nil
	}))
}
