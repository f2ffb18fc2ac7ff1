package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Whatever vmselect answers, the rollups answer in time, and nothing of it is
// stored: neither for the running month nor for one that has ended.
func TestG4BadVMSelect(t *testing.T) {
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	value := func(v string) string {
		return `{"status":"success","isPartial":false,"data":{"resultType":"vector","result":[{"metric":{"kind":"K"},"value":[1,"` + v + `"]}]}}`
	}
	tests := map[string]http.HandlerFunc{
		"hangs":           func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"503":             say(503, "down"),
		"429":             say(429, "slow down"),
		"status error":    say(200, `{"status":"error","errorType":"x","error":"no"}`),
		"isPartial":       say(200, strings.Replace(value("1000"), "false", "true", 1)),
		"HTML":            say(200, "<html><body>login</body></html>"),
		"cut off":         say(200, value("1000")[:60]),
		"50 MB":           say(200, value("1000")+strings.Repeat(" ", 50<<20)),
		"NaN":             say(200, value("NaN")),
		"+Inf":            say(200, value("+Inf")),
		"-Inf":            say(200, value("-Inf")),
		"1e308":           say(200, value("1e308")),
		"negative":        say(200, value("-1")),
		"no number":       say(200, value("many")),
		"empty":           say(200, `{"status":"success","data":{"resultType":"vector","result":[]}}`),
		"an empty body":   say(200, ""),
		"null":            say(200, "null"),
		"a redirect":      say(302, ""),
		"half the header": hijack("HTTP/1.1 200 OK\r\nContent-"),
		"short body":      hijack("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + value("1000")),
		"endless header":  hijack("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2<<20)),
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_ = r.ParseForm() // or it would not notice that the client goes away
				answer(w, r)
			}))
			defer s.Close()
			requireRollups(t, s.URL)
		})
	}
	for name, url := range map[string]string{"refused": "http://127.0.0.1:1", "no such host": "http://vmselect.invalid", "black hole": blackHole(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRollups(t, url)
		})
	}
}

// hijack writes bytes that are no whole answer, and closes the connection.
func hijack(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, text)
	}
}

// requireRollups runs a server with this vmselect, beside a file that knows five
// clusters in the month before this one.
func requireRollups(t *testing.T, vmselect string) {
	t.Helper()
	dir, before := t.TempDir(), thisMonth()-1
	recordClusters(t, dir, before, 5)
	server := startServer(t, dir, "--vmselect-url="+vmselect, "--query-timeout=300ms", "--current-ttl=0")
	server.post(t, "c1", "cozy_cluster_info 1\n")
	for id, clusters := range map[rollup.MonthID]int64{before: 5, before + 1: 1} {
		begin := time.Now()
		got := server.overview(t, id)
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s took %v", id, took)
		}
		if want := (month{Clusters: clusters, Apps: map[string]int64{}, Source: rollup.SourceRollups}); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
	if peak := peakMemory(t, server.cmd.Process.Pid); peak > 256<<20*raceFactor {
		t.Errorf("it took %d MB", peak>>20)
	}
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	s := openStore(t, filepath.Join(dir, "telemetry.db"))
	defer s.Close()
	for id, clusters := range map[rollup.MonthID]int64{before: 5, before + 1: 1} {
		snapshot, ok, err := s.Snapshot(id)
		if err != nil || ok && (snapshot.Source != rollup.SourceRollups || snapshot.Clusters != clusters) {
			t.Errorf("stored is %+v, %v", snapshot, err)
		}
	}
}

// recordClusters makes a file in which so many clusters have reported in a month.
func recordClusters(t *testing.T, dir string, id rollup.MonthID, clusters int) {
	t.Helper()
	s := openStore(t, filepath.Join(dir, "telemetry.db"))
	defer s.Close()
	for i := range clusters {
		err := s.Record(t.Context(), rollup.Report{
			Product: "cozystack", Instance: fmt.Sprintf("old-%d", i), Received: id.Start().Add(time.Hour),
			Samples: []rollup.Sample{{Series: "cozy_cluster_info", Value: 1}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// peakMemory returns the most bytes of memory that a process has had.
func peakMemory(t *testing.T, pid int) (bytes int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscanf(line, "%d kB", &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes << 10
}

// A real VictoriaMetrics is paused, stopped and killed. Meanwhile reports are
// taken as quickly as ever and the rollups answer in time; when it is back, all
// samples arrive and it answers again.
func TestG1G4VictoriaMetricsFails(t *testing.T) {
	addr, err := victoria.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	v := startVictoria(t, dir, addr)
	server := startServer(t, t.TempDir(), "--limits=off", "--current-ttl=0", "--query-timeout=1s",
		"--forward-url="+v.URL+importPath, "--vmselect-url="+v.URL)
	clusters := 0
	report := func() {
		for range 20 {
			begin := time.Now()
			server.post(t, fmt.Sprintf("c%d", clusters), "cozy_cluster_info 1\n")
			if took := time.Since(begin); took > slowPost {
				t.Errorf("a report took %v", took)
			}
			clusters++
		}
	}
	require := func(t *testing.T, sources ...rollup.Source) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d clusters from %s", clusters, sources), func() bool {
			begin := time.Now()
			got := server.overview(t, thisMonth())
			if took := time.Since(begin); took > 3*time.Second {
				t.Errorf("an overview took %v", took)
			}
			return got.Clusters == int64(clusters) && slices.Contains(sources, got.Source)
		})
	}
	// arrived waits for the samples of all clusters from one on.
	arrived := func(t *testing.T, first int) {
		t.Helper()
		eventually(t, "all samples arrive", func() bool {
			have := make(map[string]bool)
			for _, e := range seriesOf(t, v, "cozy_cluster_info") {
				have[e.Metric["cluster_id"]] = true
			}
			for i := first; i < clusters; i++ {
				if !have[fmt.Sprintf("c%d", i)] {
					return false
				}
			}
			return true
		})
		eventually(t, "the queue is empty", func() bool { return server.metric(t, "queue_blocks") == 0 })
	}
	restart := func() { v = startVictoria(t, dir, addr) } // it ends with the whole test
	report()
	arrived(t, 0)
	require(t, rollup.SourceVictoriaMetrics)
	t.Run("paused", func(t *testing.T) {
		sendSignal(t, v, syscall.SIGSTOP)
		report()
		require(t, rollup.SourceRollups)
		sendSignal(t, v, syscall.SIGCONT)
		arrived(t, 0)
		require(t, rollup.SourceVictoriaMetrics)
	})
	t.Run("stopped", func(t *testing.T) {
		v.Stop()
		report()
		require(t, rollup.SourceRollups)
		restart()
		arrived(t, 0)
		require(t, rollup.SourceVictoriaMetrics)
	})
	t.Run("killed", func(t *testing.T) {
		first := clusters
		v.Kill()
		report()
		require(t, rollup.SourceRollups)
		restart()
		// It may have lost what it took just before. Then the rollups count more.
		arrived(t, first)
		require(t, rollup.SourceVictoriaMetrics, rollup.SourceRollups)
	})
}

func sendSignal(t *testing.T, v *victoria.Server, sig syscall.Signal) {
	t.Helper()
	if err := v.Signal(sig); err != nil {
		t.Fatal(err)
	}
}
