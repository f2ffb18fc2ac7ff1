//go:build !race

package e2e

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

// honestEvery is slower than a cluster's limit.
const honestEvery = 16 * time.Second

// 400 made-up ids of one network report the same 5000 long series, while the mirror
// turns: database, mirror and memory keep within their bounds, the days before stay, and
// honest reports go on.
func TestA3LongSeriesFromOneNetwork(t *testing.T) {
	const ids, senders = 400, 4
	dir := t.TempDir()
	mirror := filepath.Join(dir, "snapshots")
	fillLong(t, filepath.Join(dir, "telemetry.db"), 2, 10)
	server := startServer(t, dir, "--trusted-proxies=127.0.0.1", "--forward-url=http://127.0.0.1:9/", "--snapshot-dir="+mirror, "--mirror-every=1s")
	body := zippedBody(t, longBody(5000))
	var attack sync.WaitGroup
	var answers [600]atomic.Int64
	for from := range senders {
		attack.Go(func() {
			for i := from; i < ids; i += senders {
				status, err := server.postZipped(fmt.Sprintf("made-up-%04d", i), fmt.Sprintf("198.51.100.%d", 1+i%250), body)
				if err != nil {
					t.Error(err)
				}
				answers[status].Add(1)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		attack.Wait()
	}()
	var peak int64
	var slowest time.Duration
	turns, honest := 0, time.Time{}
	for over := false; !over; peak = max(peak, server.memory(t, "RssAnon")) {
		if time.Since(honest) > honestEvery {
			honest = time.Now()
			server.post(t, "honest", payload(t, "operator-v1.prom"))
			slowest = max(slowest, time.Since(honest))
		}
		select {
		case <-done: // two turns more: the last of them began after the last report
			turns = server.metric(t, `mirror_syncs_total{outcome="done"}`)
			done = nil
		case <-time.After(measureEvery):
			over = done == nil && server.metric(t, `mirror_syncs_total{outcome="done"}`) >= turns+2
		}
	}
	database, size := server.metric(t, "database_bytes"), bytesUnder(t, mirror)
	server.stop(t, syscall.SIGTERM)
	succeed(t, "verify", "--db", filepath.Join(dir, "telemetry.db"), "--snapshot-dir", mirror)
	t.Logf("%d ids, %d bytes of gzip each: %d MiB of database, %d MiB of mirror, most memory %d MiB; honest reports took %v at most",
		ids, len(body), database>>20, size>>20, peak>>20, slowest)
	if peak > ceiling {
		t.Errorf("the process took %d MiB", peak>>20)
	}
	if n := answers[http.StatusOK].Load(); n < ids*9/10 || n+answers[http.StatusServiceUnavailable].Load() != ids {
		t.Errorf("%d of %d made-up reports were taken, %d were put off", n, ids, answers[http.StatusServiceUnavailable].Load())
	}
	if size > ids*100<<10 || database > ids*200<<10 {
		t.Errorf("%d bytes of mirror, %d of database", size, database)
	}
}

// longBody is a report of long series.
func longBody(series int) []byte {
	var b bytes.Buffer
	for i := range series {
		fmt.Fprintf(&b, "cozy_made_up{long=\"%s%05d\"} 1\n", strings.Repeat("x", 170), i)
	}
	return b.Bytes()
}

func zippedBody(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// postZipped sends a zipped report as a proxy would for an address, and returns the status.
func (p *process) postZipped(cluster, from string, body []byte) (status int, err error) {
	req, err := http.NewRequest(http.MethodPost, p.Public, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Encoding", "gzip")
	req.Header.Set("X-Cluster-ID", cluster)
	req.Header.Set("X-Forwarded-For", from)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// fillLong makes a file with a day that has ended, of clusters with the same long
// series, and a newer one.
func fillLong(t *testing.T, path string, clusters, series int) {
	t.Helper()
	s := openStore(t, path)
	var samples []rollup.Sample
	for i := range series {
		name := rollup.NewSeries("cozy_made_up", []rollup.Label{{Name: "long", Value: fmt.Sprintf("%s%05d", strings.Repeat("x", 170), i)}})
		samples = append(samples, rollup.Sample{Series: name, Value: float64(i)})
	}
	now := time.Now()
	day := rollup.FromReport(rollup.Report{Product: rollup.Cozystack, Received: now.AddDate(0, 0, -1), Samples: samples})
	var all []rollup.InstanceDay
	for i := range clusters {
		all = append(all, rollup.InstanceDay{Instance: fmt.Sprintf("cluster-%04d", i), Day: day})
	}
	if err := s.MergeDays(t.Context(), rollup.Cozystack, rollup.DateOf(now)-1, all); err != nil {
		t.Fatal(err)
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
