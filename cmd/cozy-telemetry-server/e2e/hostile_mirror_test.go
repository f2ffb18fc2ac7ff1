//go:build !race

package e2e

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The race detector takes several times the memory that is measured here.
//
// Made-up clusters with thousands of long series, the same for all, fill neither the
// mirror nor the memory: a turn of it keeps below what is promised of a server.
func TestMirrorOfLongSeriesIsBounded(t *testing.T) {
	const clusters, series = 400, 5000
	dir := t.TempDir()
	fillLong(t, filepath.Join(dir, "telemetry.db"), clusters, series)
	mirror := filepath.Join(dir, "snapshots")
	server := startServer(t, dir, "--snapshot-dir="+mirror, "--mirror-every=1h")
	eventually(t, "the mirror is in step", func() bool { return server.metric(t, `mirror_syncs_total{outcome="done"}`) > 0 })
	peak := server.memory(t, "VmHWM")
	server.stop(t, syscall.SIGTERM)
	size := bytesUnder(t, mirror)
	succeed(t, "verify", "--db", filepath.Join(dir, "telemetry.db"), "--snapshot-dir", mirror)
	t.Logf("%d clusters of %d series: %d bytes of mirror, peak memory %d bytes", clusters, series, size, peak)
	if peak > 256<<20 {
		t.Errorf("peak memory %d bytes", peak)
	}
	if size > clusters*100<<10 {
		t.Errorf("the mirror has %d bytes", size)
	}
}

// fillLong makes a file with a day that has ended, of clusters with the same long
// series, and a newer one.
func fillLong(t *testing.T, path string, clusters, series int) {
	t.Helper()
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var samples []rollup.Sample
	for i := range series {
		name := rollup.NewSeries("cozy_made_up", []rollup.Label{{Name: "long", Value: fmt.Sprintf("%s%05d", strings.Repeat("x", 170), i)}})
		samples = append(samples, rollup.Sample{Series: name, Value: float64(i)})
	}
	now := time.Now()
	for i := range clusters {
		r := rollup.Report{Product: rollup.Cozystack, Instance: fmt.Sprintf("cluster-%04d", i), Received: now.AddDate(0, 0, -1), Samples: samples}
		if err := s.Record(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
	}
	newer := rollup.Report{Product: rollup.Cozystack, Instance: "cluster-0000", Received: now, Samples: samples[:1]}
	if err := s.Record(t.Context(), newer, nil); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// bytesUnder returns how many bytes the files under a folder have.
func bytesUnder(t *testing.T, dir string) (size int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return size
}
