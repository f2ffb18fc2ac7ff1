package store

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
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
	checkVersion(t, path, layout.SchemaVersion)
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
