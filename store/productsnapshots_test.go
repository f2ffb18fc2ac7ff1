package store

import (
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// synapseIn returns the figures of a month with some instances.
func synapseIn(month rollup.MonthID, instances int64) rollup.ProductSnapshot {
	return rollup.ProductSnapshot{
		Product: "synapse", Month: month, CollectedAt: month.End().Add(time.Hour), Instances: instances, Reports: 8 * instances,
		DaysWithData: 28, Source: rollup.SourceRollups, Final: true,
		Metrics: map[string]float64{"total_users": 12.5},
		Shares:  map[string]map[string]int64{"version": {"1.99": instances}},
	}
}

func offerProduct(t *testing.T, s *Store, snap rollup.ProductSnapshot) {
	t.Helper()
	_, err := s.OfferProductSnapshot(t.Context(), snap)
	must(t, err)
}

// Figures of products stand side by side, and the better ones of a month stay.
func TestProductSnapshots(t *testing.T) {
	s := open(t, Options{})
	month := rollup.MonthOf(march)
	if _, ok, err := s.ProductSnapshot("synapse", month); ok || err != nil {
		t.Errorf("an empty file has %t, %v", ok, err)
	}
	offer(t, s, rollup.Snapshot{Month: month, Clusters: 9})
	best, coroot := synapseIn(month, 5), synapseIn(month, 2)
	coroot.Product = "coroot"
	for _, snap := range []rollup.ProductSnapshot{synapseIn(month, 3), synapseIn(month+1, 1), best, coroot} {
		offerProduct(t, s, snap)
	}
	if kept, err := s.OfferProductSnapshot(t.Context(), synapseIn(month, 4)); err != nil || !reflect.DeepEqual(kept, best) {
		t.Errorf("beside a worse one stands %+v, %v", kept, err)
	}
	s = reopen(t, s)
	if got, ok, err := s.ProductSnapshot("synapse", month); !ok || err != nil || !reflect.DeepEqual(got, best) {
		t.Errorf("got %+v, %t, %v", got, ok, err)
	}
	want := []rollup.ProductSnapshot{coroot, best, synapseIn(month+1, 1)}
	if all, err := s.ProductSnapshots(); err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("all are %+v, %v", all, err)
	}
	if all, err := s.Snapshots(); err != nil || len(all) != 1 || all[0].Clusters != 9 {
		t.Errorf("cozystack's are %+v, %v", all, err)
	}
	if st, err := s.Stats(); err != nil || st.Snapshots != 4 {
		t.Errorf("%d snapshots, %v", st.Snapshots, err)
	}
}

// What a file can't hold fails alone.
func TestProductSnapshotsRefused(t *testing.T) {
	s := open(t, Options{})
	for _, product := range []string{"", rollup.Cozystack} {
		if _, err := s.OfferProductSnapshot(t.Context(), rollup.ProductSnapshot{Product: product}); !errors.Is(err, dberrors.ErrNameless) {
			t.Errorf("%q: %v", product, err)
		}
		if _, _, err := s.ProductSnapshot(product, 0); !errors.Is(err, dberrors.ErrNameless) {
			t.Errorf("%q: %v", product, err)
		}
	}
	odd := synapseIn(rollup.MonthOf(march), 1)
	odd.Metrics["mean"] = math.NaN()
	if _, err := s.OfferProductSnapshot(t.Context(), odd); err == nil {
		t.Error("a figure that is no number was stored")
	}
}

// Retention of months leaves the figures, a merge takes the better ones, and a check
// knows them.
func TestProductSnapshotsInRewrites(t *testing.T) {
	dir, month := t.TempDir(), rollup.MonthOf(march)
	with := func(name string, snap rollup.ProductSnapshot, reports ...rollup.Report) string {
		return fileOf(t, filepath.Join(dir, name), func(s *Store) {
			offerProduct(t, s, snap)
			for _, r := range reports {
				r.Product = "synapse"
				must(t, s.Record(t.Context(), r, nil))
			}
		})
	}
	for name, test := range map[string]struct {
		a, b string
		want int64 // instances; 0 for none
	}{
		"no records":        {with("a", synapseIn(month, 5)), with("b", synapseIn(month, 3)), 5},
		"records of both":   {with("c", synapseIn(month, 5), report("x", march, "a")), with("d", synapseIn(month, 3), report("y", march, "a")), 0},
		"the same twice":    {with("e", synapseIn(month, 4), report("x", march, "a")), with("f", synapseIn(month, 4), report("x", march, "a")), 4},
		"another's records": {with("g", synapseIn(month, 5)), with("h", synapseIn(month, 9), report("y", march, "a")), 9},
	} {
		merged := filepath.Join(dir, "merged "+name)
		left, err := rewrite.Combine(t.Context(), merged, []string{test.a, test.b}, nil)
		must(t, err)
		checkClean(t, merged)
		s := openRead(t, merged)
		got, ok, err := s.ProductSnapshot("synapse", month)
		if must(t, err); got.Instances != test.want || ok != (test.want > 0) || (left.SnapshotsDropped == 1) == ok {
			t.Errorf("%s: %+v, %t, %d dropped", name, got, ok, left.SnapshotsDropped)
		}
		must(t, s.Close())
	}
	damaged := with("damaged", synapseIn(month, 1))
	tamper(t, damaged, func(tx *bolt.Tx) error {
		b := layout.SnapshotsOf(tx, "synapse")
		return errors.Join(b.Put([]byte("2026-02"), []byte("{")), b.Put([]byte("2026-01"), b.Get([]byte("2026-03"))),
			layout.PutSnapshot(tx, "coroot", month, b.Get([]byte("2026-03"))),
			tx.Bucket(layout.BucketSnapshots).Put([]byte("2026-03"), []byte("{}")))
	})
	if found := problems(t, damaged); len(found) != 4 {
		t.Errorf("found %+v", found)
	}
}

// Days of sessions go one by one, and are in no month: where two files have lost some, the
// better figures of the month stay beside what is left of both, and are no longer final,
// so that the server counts again.
func TestCombineKeepsFiguresOfSessionsThatAreGone(t *testing.T) {
	dir, month := t.TempDir(), rollup.MonthOf(march)
	with := func(name string, sessions int64, removed int) string {
		path := filepath.Join(dir, name)
		s := openAt(t, path, Options{Unfolded: []string{"kubeatlas"}})
		for d := range 28 {
			at := month.Start().AddDate(0, 0, d)
			must(t, s.Record(t.Context(), of("kubeatlas", report(uuid(int(sessions)+d), at, "a")), nil))
		}
		figures := synapseIn(month, sessions)
		figures.Product = "kubeatlas"
		offerProduct(t, s, figures)
		_, err := s.Prune(t.Context(), "kubeatlas", Keep{Days: month.First() + rollup.Date(removed)})
		must(t, err)
		must(t, s.Close())
		return path
	}
	for name, removed := range map[string]int{"whole": 0, "lost": 5} {
		into := filepath.Join(dir, name)
		left := combined(t, into, with(name+" a", 100, removed), with(name+" b", 200, removed))
		got, ok, err := openAt(t, into, Options{}).ProductSnapshot("kubeatlas", month)
		if must(t, err); ok != (removed > 0) || ok && (got.Instances != 200 || got.Final || got.DaysWithData != 28) || ok != (left.SnapshotsDropped == 0) {
			t.Errorf("%s: stored is %+v, %t; %d were dropped", name, got, ok, left.SnapshotsDropped)
		}
	}
}
