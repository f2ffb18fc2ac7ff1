package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// aged is a server with reports of many days, and a clock that the test sets.
type aged struct {
	*server
	clock atomic.Pointer[time.Time]
	dir   string
}

func (a *aged) now() time.Time { return *a.clock.Load() }

func (a *aged) set(now time.Time) { a.clock.Store(&now) }

// noon is the last of the days on which the reports of an aged server came.
var noon = time.Date(2028, 3, 2, 12, 0, 0, 0, time.UTC) // two days after a leap day

func newAged(t *testing.T, days int, flags ...string) *aged {
	t.Helper()
	a := &aged{dir: t.TempDir()}
	a.set(noon)
	flags = append([]string{"--snapshot-dir=" + filepath.Join(a.dir, "snapshots")}, flags...)
	a.server = newServerAt(t, filepath.Join(a.dir, "telemetry.db"), a.now, flags...)
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	for d := range days {
		a.report(t, noon.AddDate(0, 0, -d), "c")
	}
	return a
}

func (a *aged) report(t *testing.T, at time.Time, cluster string) {
	t.Helper()
	err := a.store.Record(t.Context(), rollup.Report{
		Product: "cozystack", Instance: cluster, Received: at,
		Samples: []rollup.Sample{{Series: "cozy_cluster_info", Value: 1}, {Series: "cozy_nodes_count", Value: 3}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// days returns the stored days.
func (a *aged) days(t *testing.T) (days []rollup.Date) {
	t.Helper()
	versions, err := a.store.DayVersions("cozystack")
	if err != nil {
		t.Fatal(err)
	}
	for d := range versions {
		days = append(days, d)
	}
	slices.Sort(days)
	return days
}

// removedOf returns what the metric of removals says.
func (a *aged) removedOf(t *testing.T, what string) float64 {
	t.Helper()
	var m dto.Metric
	if err := a.metrics.removed.WithLabelValues(what).Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// rounds lets retention run n times.
func (a *aged) rounds(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := a.retention.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// clusterDays counts a cluster's days over the months that are stored.
func (a *aged) clusterDays(t *testing.T) (n int) {
	t.Helper()
	first, ok, err := a.store.FirstMonth("cozystack")
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	err = a.store.Fold(t.Context(), "cozystack", first, rollup.MonthOf(noon)+20, nil, func(_ string, months []rollup.Month) error {
		for _, m := range months {
			n += m.Days().Len()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func openStore(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// damageRecord makes an instance's record of a day one that does not decode.
func damageRecord(t *testing.T, path, product string, day rollup.Date, instance string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b := tx.Bucket([]byte("days"))
		for _, name := range []string{day.String(), product, "records"} {
			b = b.Bucket([]byte(name))
		}
		return b.Put([]byte(instance), []byte{99, 99})
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

// collect lets the overview do what it does in the background: it folds what has
// ended, and stores the running month last.
func (a *aged) collect(t *testing.T) {
	t.Helper()
	// What has ended does not go on: the overview is a new one, as after a restart.
	a.overview.Close()
	if err := a.buildOverview(cli.Environment{Now: a.now}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var loop sync.WaitGroup
	loop.Go(func() { a.overview.Run(ctx) })
	eventually(t, "the running month is stored", func() bool {
		s, ok, err := a.store.Snapshot(rollup.MonthOf(a.now()))
		// A clock that was set back finds the running month final: it stays so.
		return ok && err == nil && (s.CollectedAt.Equal(a.now()) || s.Final)
	})
	cancel()
	loop.Wait()
}

// final returns the final months as text.
func (a *aged) final(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	for m := rollup.MonthOf(noon) - 3; m < rollup.MonthOf(noon); m++ {
		snap, ok, err := a.store.Snapshot(m)
		if err != nil || !ok || !snap.Final {
			t.Fatalf("%s: %+v, %v", m, snap, err)
		}
		text, err := json.Marshal(snap)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s\n", text)
	}
	return b.String()
}
