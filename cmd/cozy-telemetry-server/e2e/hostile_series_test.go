package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// One cluster reports 10 000 kinds and 10 000 kernels: its own figures, and those
// of others, stay, and the public answer stays small.
func TestFloodOfSeries(t *testing.T) {
	p := startServer(t, t.TempDir(), "--limits=off", "--max-day-series=500")
	honest := payload(t, "controller-v1.prom")
	p.post(t, "honest", payload(t, "operator-v1.prom"))
	p.post(t, "honest", honest)
	p.post(t, "flooder", "cozy_cluster_info 1\ncozy_nodes_count 7\ncozy_application_count{kind=\"Postgres\"} 1\n")
	size := len(get(t, p.Admin+"/metrics"))
	for i := range 10 {
		var b strings.Builder
		for j := range 1000 {
			fmt.Fprintf(&b, "cozy_application_count{kind=\"Z%d-%d\"} 1\ncozy_nodes_count{kernel=\"%d-%d\"} 0\n", i, j, i, j)
		}
		p.post(t, "flooder", b.String())
	}
	got := p.overview(t, thisMonth())
	if len(got.Apps) > 210 || got.Clusters != 2 || got.TotalNodes != 3+7 || got.Apps["postgres"] != 5+1 {
		t.Errorf("%d applications; %v", len(got.Apps), got)
	}
	if n := p.metric(t, "series_left_out_total"); n < 10*1000 {
		t.Errorf("%d series are said to be left out", n)
	}
	if grown := len(get(t, p.Admin+"/metrics")) - size; grown > 1000 {
		t.Errorf("the server's own metrics grew by %d bytes", grown)
	}
}

// The file reaches --db-max-bytes: reports are refused and nothing else, the log
// names the flag, and a larger bound helps.
func TestFullDatabase(t *testing.T) {
	dir := t.TempDir()
	p := startServer(t, dir, "--db-max-bytes=33554432", "--limits=off", "--max-day-series=1000000")
	var accepted int
	status := http.StatusOK
	for accepted = 0; accepted < 100 && status == http.StatusOK; accepted++ {
		status = p.send(t, fmt.Sprintf("cluster-%d", accepted), largeBody(accepted))
	}
	accepted--
	if status != http.StatusServiceUnavailable || accepted < 5 {
		t.Fatalf("%d after %d reports", status, accepted)
	}
	if got := p.status(t, "/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", got)
	}
	if !strings.Contains(p.logged(t), "raise --db-max-bytes") {
		t.Error("the log does not name the flag")
	}
	if got := p.metric(t, "database_max_bytes"); got != 33554432 {
		t.Errorf("the metric says %d", got)
	}
	want := month{Clusters: int64(accepted), Apps: map[string]int64{}, Source: rollup.SourceRollups}
	p.shows(t, want)
	if info, err := os.Stat(filepath.Join(dir, "telemetry.db")); err != nil || info.Size() > 33554432 {
		t.Errorf("the file has %d bytes, %v", info.Size(), err)
	}
	if code := p.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}

	p = startServer(t, dir, "--db-max-bytes=67108864", "--limits=off", "--max-day-series=1000000")
	p.shows(t, want)
	p.post(t, "cluster-1000", largeBody(1000))
	if got := p.status(t, "/readyz"); got != http.StatusOK {
		t.Errorf("/readyz: %d", got)
	}
	want.Clusters++
	p.shows(t, want)
}

// largeBody has series of nearly a megabyte that no other body has.
func largeBody(n int) string {
	var b strings.Builder
	b.WriteString("cozy_cluster_info 1\n")
	for i := range 900 {
		fmt.Fprintf(&b, "cozy_example{x=\"%d-%d-%s\"} 1\n", n, i, strings.Repeat("x", 1000))
	}
	return b.String()
}

// send posts a report and returns the status of the answer.
func (p *process) send(t *testing.T, cluster, body string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, p.Public, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Cluster-ID", cluster)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
	return resp.StatusCode
}

func (p *process) status(t *testing.T, path string) int {
	t.Helper()
	resp, err := http.Get(p.Public + path)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}
