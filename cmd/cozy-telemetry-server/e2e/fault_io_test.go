package e2e

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// statusOf returns the status of a GET's answer, 0 if there is none.
func statusOf(url string) int {
	resp, err := http.Get(url)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// The disk fails the first flush of a commit, and each one after: nothing is
// acknowledged, readiness is red, failures are counted, and the server is alive.
// Once the disk is well it works again by itself.
func TestF2DiskFailsTheFirstSync(t *testing.T) {
	dir := t.TempDir()
	server := startServer(t, dir)
	server.post(t, "before", "cozy_cluster_info 1\n")

	fault := server.failCalls(t, "fdatasync", "1+")
	if got, err := server.tryPost("refused", "cozy_cluster_info 1\n"); got != http.StatusServiceUnavailable {
		t.Errorf("a report is answered with %d, %v", got, err)
	}
	if got := statusOf(server.Public + "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("readiness is %d", got)
	}
	if got := statusOf(server.Public + "/healthz"); got != http.StatusOK {
		t.Errorf("health is %d", got)
	}
	failed := server.metric(t, `commits_total{outcome="failed"}`)
	if calls := fault.end(t); len(calls) < 2 || slices.Contains(calls, false) || failed < 2 {
		t.Fatalf("the calls failed: %v; %d commits are counted as failed", calls, failed)
	}

	if got := statusOf(server.Public + "/readyz"); got != http.StatusOK {
		t.Errorf("readiness stays %d", got)
	}
	server.post(t, "after", "cozy_cluster_info 1\n")
	if got := server.overview(t, thisMonth()).Clusters; got != 2 {
		t.Errorf("%d clusters are known", got)
	}
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	checkFile(t, filepath.Join(dir, "telemetry.db"))
}

// The disk fails the second flush of a commit: the file has the report, but its
// sender is told 503 and sends it again. That leaves the very same record.
func TestF3DiskFailsTheSecondSync(t *testing.T) {
	const report = "cozy_cluster_info 1\ncozy_nodes_count{kernel=\"new\"} 5\n"
	// strace counts the calls of a thread, and Go may move the writer to another
	// one between the two flushes: then none fails. Another hour changes a record.
	for range 30 {
		dir := t.TempDir()
		server := startServer(t, dir)
		server.post(t, "c1", "cozy_cluster_info 1\ncozy_nodes_count{kernel=\"old\"} 3\n")
		begin := time.Now()
		fault := server.failCalls(t, "fdatasync", "2")
		got, err := server.tryPost("c1", report)
		calls := fault.end(t)
		if !slices.Equal(calls, []bool{false, true}) {
			server.stop(t, syscall.SIGKILL)
			continue
		}
		if got != http.StatusServiceUnavailable {
			t.Errorf("a report is answered with %d, %v", got, err)
		}
		before := readToday(t, copyOfQuiet(t, dir))
		server.post(t, "c1", report)
		if code := server.stop(t, syscall.SIGTERM); code != 0 {
			t.Errorf("exit code %d", code)
		}
		checkFile(t, filepath.Join(dir, "telemetry.db"))
		after := readToday(t, dir)
		if time.Now().Truncate(time.Hour).After(begin) {
			continue
		}
		if len(after["c1"].Points) != 3 || !reflect.DeepEqual(after, before) {
			t.Errorf("the record was\n%+v, and is\n%+v", before, after)
		}
		return
	}
	t.Fatal("the fault never came at the second flush")
}

// copyOfQuiet copies the file of a server that has nothing to do.
func copyOfQuiet(t *testing.T, dir string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "telemetry.db"))
	if err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if err := os.WriteFile(filepath.Join(to, "telemetry.db"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// readToday returns today's record of each instance.
func readToday(t *testing.T, dir string) map[string]rollup.Day {
	t.Helper()
	s := openStore(t, filepath.Join(dir, "telemetry.db"))
	defer s.Close()
	days := make(map[string]rollup.Day)
	err := s.Instances(t.Context(), rollup.DateOf(time.Now()), func(_, instance string, day rollup.Day) error {
		days[instance] = day
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return days
}
