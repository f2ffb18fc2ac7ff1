package store

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
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
	var truth map[string]figures
	b, err := os.ReadFile("testdata/schema2.truth.json")
	must(t, err)
	must(t, json.Unmarshal(b, &truth))
	path := schema2(t)
	withLate := truth["2026-10"].Clusters + 1
	for range 2 { // the second time nothing is left to do
		s, err := Open(path, Options{})
		must(t, err)
		october, november := rollup.NewMonth(2026, time.October), rollup.NewMonth(2026, time.November)
		if !isFolded(t, s, october) || isFolded(t, s, november) {
			t.Error("October must be folded, and November not")
		}
		for name, want := range truth {
			month, err := rollup.ParseMonth(name)
			must(t, err)
			if got := count(t, s, month); got.Clusters != want.Clusters || got.TotalNodes != want.TotalNodes {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
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
	checkVersion(t, path, schemaVersion)
}

// Each step runs once and is noted, and what fails leaves the file as it was.
func TestMigrate(t *testing.T) {
	path := schema2(t)
	db, err := boltfile.Open(path, false)
	must(t, err)
	broken := errors.New("broken")
	var ran []int
	step := func(n int, err error) migration {
		return func(tx *bolt.Tx) error {
			ran = append(ran, n)
			return errors.Join(err, tx.Bucket(bucketMeta).Put([]byte("step"), []byte{byte(n)}))
		}
	}
	update := func(steps ...migration) error {
		return db.Update(func(tx *bolt.Tx) error { return migrate(tx, steps) })
	}
	must(t, update())
	if err := update(step(2, nil), step(3, broken)); !errors.Is(err, broken) || !slices.Equal(ran, []int{2, 3}) {
		t.Errorf("steps %d end with %v", ran, err)
	}
	must(t, db.View(func(tx *bolt.Tx) error {
		if left := tx.Bucket(bucketMeta).Get([]byte("step")); left != nil || schemaOf(tx) != oldestSchema {
			t.Errorf("a step that fails leaves %x, schema %d", left, schemaOf(tx))
		}
		return nil
	}))
	ran = nil
	must(t, update(step(2, nil)))
	must(t, update(step(2, broken), step(3, nil), step(4, nil)))
	must(t, update(step(2, broken), step(3, broken), step(4, broken)))
	if !slices.Equal(ran, []int{2, 3, 4}) {
		t.Errorf("the steps that ran are %d", ran)
	}
	must(t, db.Close())
	checkVersion(t, path, oldestSchema+3)
}

func TestMigrationsLeadToTheSchema(t *testing.T) {
	if got := oldestSchema + len(migrations()); got != schemaVersion {
		t.Errorf("they lead to %d, this version writes %d", got, schemaVersion)
	}
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
		if got := tx.Bucket(bucketMeta).Get(keySchema); len(got) != 1 || got[0] != want {
			t.Errorf("the file has schema %x, want %d", got, want)
		}
		return nil
	}))
}
