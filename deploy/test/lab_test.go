package deploy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lab is a server that has had reports, and a VictoriaMetrics that has got them
// from it and scrapes it each second.
type lab struct {
	victoria
	// series has the label names of every metric.
	series map[string]map[string]bool
}

func newLab(t *testing.T) *lab {
	t.Helper()
	config, targets := filepath.Join(t.TempDir(), "scrape.yaml"), filepath.Join(t.TempDir(), "targets.json")
	write(t, config, "scrape_configs: [{job_name: telemetry, scrape_interval: 1s, file_sd_configs: [{files: [%s]}]}]", targets)
	write(t, targets, "[]")
	l := &lab{victoria: startVictoria(t, "-promscrape.config="+config, "-promscrape.fileSDCheckInterval=1s")}
	public, admin := startServer(t, l.url)
	write(t, targets, `[{"targets": [%q]}]`, strings.TrimPrefix(admin, "http://"))
	l.scraped(t, 1)
	for range 3 { // so that counters grow between scrapes
		sendReports(t, public)
		get(t, public+time.Now().UTC().Format("/api/overview?year=2006&month=1"))
		l.scraped(t, 2)
	}
	eventually(t, "the samples are in VictoriaMetrics", func() bool {
		l.flush(t)
		return len(l.query(t, "cozy_cluster_nodes", url.Values{})) == 2
	})
	l.series = l.allSeries(t)
	return l
}

// startServer starts the program with all that it can have, and returns its two
// listeners.
func startServer(t *testing.T, victoria string) (public, admin string) {
	t.Helper()
	public, admin = freeAddr(t), freeAddr(t)
	dir := t.TempDir()
	cmd := exec.Command(program, "--listen-addr="+public, "--admin-addr="+admin, "--apps-url=",
		"--db-path="+filepath.Join(dir, "telemetry.db"), "--snapshot-dir="+filepath.Join(dir, "snapshots"),
		"--products=cozystack,synapse,coroot,kubeatlas", "--forward-url="+victoria+"/api/v1/import/prometheus", "--vmselect-url="+victoria+"/prometheus", "--current-ttl=1ms")
	cmd.Env = append(cmd.Environ(), "TELEMETRY_BACKUP_DIR="+filepath.Join(dir, "backups"), "TELEMETRY_DB_MAX_BYTES=1000000000")
	public, admin = "http://"+public, "http://"+admin
	start(t, public+"/readyz", cmd)
	return public, admin
}

// sendReports sends what a new and an old cluster send.
func sendReports(t *testing.T, public string) {
	t.Helper()
	post(t, public, "new", read(t, "testdata/operator-v1.prom"))
	post(t, public, "new", read(t, "testdata/controller-v1.prom"))
	post(t, public, "old", read(t, "testdata/controller-v0.prom"))
}

// scraped waits until VictoriaMetrics has scraped the server n times more.
func (l *lab) scraped(t *testing.T, n int) {
	t.Helper()
	since := time.Now()
	eventually(t, "the server is scraped", func() bool {
		l.flush(t)
		window := fmt.Sprintf("[%dms]", time.Since(since).Milliseconds()+1)
		found := l.query(t, "count_over_time(cozy_telemetry_build_info"+window+")", url.Values{})
		return len(found) == 1 && number(t, found[0]) >= float64(n)
	})
}

// allSeries are the label names of all metrics.
func (l *lab) allSeries(t *testing.T) map[string]map[string]bool {
	t.Helper()
	var answer struct{ Data []map[string]string }
	text := get(t, l.url+"/api/v1/series?"+url.Values{"match[]": {`{__name__!=""}`}}.Encode())
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]map[string]bool)
	for _, series := range answer.Data {
		name := series["__name__"]
		if all[name] == nil {
			all[name] = make(map[string]bool)
		}
		for label := range series {
			all[name][label] = true
		}
	}
	return all
}

// own are the metrics that the server has of itself.
func (l *lab) own() []string {
	var names []string
	for name := range l.series {
		if strings.HasPrefix(name, "cozy_telemetry_") {
			names = append(names, name)
		}
	}
	return names
}

func number(t *testing.T, r result) float64 {
	t.Helper()
	var f float64
	if _, err := fmt.Sscan(r.Value[1].(string), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func write(t *testing.T, name, format string, args ...any) {
	t.Helper()
	if err := os.WriteFile(name, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
}
