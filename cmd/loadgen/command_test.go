package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/bench"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
)

func answering(t *testing.T, status int) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	return server.URL
}

func now() time.Time { return time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC) }

// run runs a command line and returns what it prints.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, errs strings.Builder
	cmd := newCommand(&out, &errs, now)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	if (err != nil) != (errs.Len() > 0) {
		t.Errorf("error %v, printed %q", err, errs.String())
	}
	return out.String(), err
}

func TestPost(t *testing.T) {
	url := answering(t, http.StatusOK)
	for _, args := range [][]string{{"--url", url, "--clusters", "20"}, {"post", "--url", url, "--clusters", "20"}} {
		out, err := run(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if !strings.HasPrefix(lines[0], "requests  40 in") || lines[2] != "answers   200: 40" {
			t.Errorf("printed %q", out)
		}
		var f fleet.Figures
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &f); err != nil {
			t.Fatal(err)
		}
		if f.Month != "2026-03" || f.Clusters != 20 || f.TotalNodes < 20 || f.TotalTenants < 20 || f.Apps["postgres"] == 0 {
			t.Errorf("truth %+v", f)
		}
	}
}

func TestPostOfOtherProducts(t *testing.T) {
	out, err := run(t, "post", "--url", answering(t, http.StatusOK), "--clusters", "5", "--products", "synapse=4,kubeatlas=3")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "\nsynapse   200: ") || !strings.Contains(out, "\nkubeatlas 200: ") {
		t.Errorf("printed %q", out)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	var truth load.PostTruth
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &truth); err != nil {
		t.Fatal(err)
	}
	if truth.Clusters != 5 || truth.Products["synapse"].Instances != 4 || truth.Products["kubeatlas"].Metrics["sessions_per_day_mean"] < 3 {
		t.Errorf("truth %+v", truth)
	}
	if out, err := run(t, "post", "--url", answering(t, http.StatusNotFound), "--clusters", "1", "--products", "coroot=1"); !errors.Is(err, errNotAll) {
		t.Errorf("refused: error %v, printed %q", err, out)
	}
}

func TestPostFailsUnlessAllAreAccepted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "truth.json")
	out, err := run(t, "--url", answering(t, http.StatusServiceUnavailable), "--clusters", "3", "--truth", file)
	if !errors.Is(err, errNotAll) || !strings.Contains(out, "503: 6") || strings.Contains(out, "{") {
		t.Errorf("error %v, printed %q", err, out)
	}
	want := `{"month":"2026-03","clusters":0,"total_nodes":0,"total_tenants":0,"apps":{}}` + "\n"
	if got, err := os.ReadFile(file); string(got) != want || err != nil {
		t.Errorf("truth %q, error %v", got, err)
	}
}

func TestHistory(t *testing.T) {
	out, err := run(t, "history", "--url", answering(t, http.StatusNoContent), "--clusters", "5", "--every", "24h", "--from", "2026-01")
	if err != nil {
		t.Fatal(err)
	}
	var months map[string]load.Month
	if err := json.Unmarshal([]byte(out), &months); err != nil {
		t.Fatal(err)
	}
	if len(months) != 2 || months["2026-01"].Month != "2026-01" || months["2026-02"].Clusters < 3 {
		t.Errorf("printed %s", out)
	}
}

func TestDB(t *testing.T) {
	file := filepath.Join(t.TempDir(), "telemetry.db")
	args := []string{"db", "-o", file, "--clusters", "7", "--months", "2", "--every", "24h", "--products", "coroot=3"}
	if out, err := run(t, args...); out != "" || err != nil {
		t.Fatalf("printed %q, error %v", out, err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(file + ".truth.json")
	if err != nil {
		t.Fatal(err)
	}
	var months map[string]load.Month
	if err := json.Unmarshal(text, &months); err != nil {
		t.Fatal(err)
	}
	if len(months) != 2 || months["2026-01"].Clusters < 3 || months["2026-02"].Month != "2026-02" ||
		months["2026-02"].Products["coroot"].Instances == 0 {
		t.Errorf("truth %s", text)
	}
	if out, err := run(t, args...); err == nil {
		t.Errorf("a second run on the same file prints %q", out)
	}
}

func TestBench(t *testing.T) {
	file := filepath.Join(t.TempDir(), "table.json")
	out, err := run(t, "bench", "--size", "small", "--only", "start", "--server", "/bin/false", "--dir", t.TempDir(), "--json", file)
	if err == nil || !strings.Contains(out, "start") || !strings.Contains(out, "failed") {
		t.Errorf("printed %q, error %v", out, err)
	}
	var table bench.Table
	text, err := os.ReadFile(file)
	if err := errors.Join(err, json.Unmarshal(text, &table)); err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) != 1 || table.Rows[0].Key != "start" || table.Rows[0].Verdict != bench.Failed || table.Size != "small" {
		t.Errorf("table %s", text)
	}
}

func TestWrongCommandLines(t *testing.T) {
	for _, args := range []string{
		"unheard", "--unheard", "--clusters 0", "--rate 5", "--url ftp://127.0.0.1/",
		"history --from 2026-13", "history --to yesterday", "history --from 2026-02 --to 2026-01",
		"db --end 2026", "db --products unheard=3", "db --products coroot", "db --months 0", "db --clusters 0", "bench --size huge", "bench --only unheard",
	} {
		if out, err := run(t, strings.Fields(args)...); err == nil {
			t.Errorf("%s: printed %q", args, out)
		}
	}
}
