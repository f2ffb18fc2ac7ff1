package bench

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// tiny is enough to see every row work. Its figures mean nothing.
func tiny() Size {
	return Size{
		Name: "tiny", Few: 5, Many: 10, Requests: 40, Rounds: 1, Alone: 10,
		MonthClusters: 5, Clusters: 5, StartEvery: 10 * 24 * time.Hour, Cached: 50, Beside: 50 * time.Millisecond,
	}
}

// buildServer builds the telemetry server.
func buildServer(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cozy-telemetry-server")
	out, err := exec.Command("go", "build", "-o", path, "../../cozy-telemetry-server").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return path
}

// requireGone fails if anything of a run is left: files, or programs that were
// started on them.
func requireGone(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if len(left) > 0 || err != nil {
		t.Errorf("left are %v, error %v", left, err)
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if len(lines) == 0 || err != nil {
		t.Fatalf("no processes are seen, error %v", err)
	}
	for _, file := range lines {
		if line, _ := os.ReadFile(file); bytes.Contains(line, []byte(dir)) {
			t.Errorf("still running: %q", line)
		}
	}
}

func TestRunOfRealPrograms(t *testing.T) {
	dir := t.TempDir()
	table, err := Run(t.Context(), Options{Server: buildServer(t), Dir: dir, Size: tiny(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	requireGone(t, dir)
	if len(table.Rows) != len(Rows()) || table.Size != "tiny" || table.CPUs < 1 {
		t.Errorf("table %+v", table)
	}
	for i, r := range table.Rows {
		if r.Key != Rows()[i] || r.Verdict == Failed || r.Figure == "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestRunChoosesRows(t *testing.T) {
	dir := t.TempDir()
	o := Options{Server: "/bin/false", Dir: dir, Size: tiny(), Only: []string{"bytes", "start", "latency"}, Now: time.Now}
	table, err := Run(t.Context(), o)
	if err != nil || table.Failures() != 2 || len(table.Rows) != 3 {
		t.Fatalf("error %v, table %+v", err, table)
	}
	for i, want := range []struct {
		key    string
		failed bool
	}{{"latency", true}, {"bytes", false}, {"start", true}} {
		r := table.Rows[i]
		if r.Key != want.key || (r.Verdict == Failed) != want.failed || r.Figure == "" {
			t.Errorf("%+v", r)
		}
	}
	requireGone(t, dir)
	o.Only = []string{"bites"}
	if _, err := Run(t.Context(), o); !errors.Is(err, ErrOptions) {
		t.Errorf("error %v", err)
	}
}

func TestRunIsInterrupted(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Server: buildServer(t), Dir: dir, Size: tiny(), Only: []string{"cpu"}, Now: time.Now}
	o.Size.Requests = 1 << 30
	o.Progress = writerFunc(func([]byte) { time.AfterFunc(time.Second, cancel) })
	table, err := Run(ctx, o)
	if !errors.Is(err, context.Canceled) || len(table.Rows) > 0 {
		t.Errorf("error %v, table %+v", err, table)
	}
	requireGone(t, dir)
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) {
	f(p)
	return len(p), nil
}

func TestCheckOverview(t *testing.T) {
	months := map[rollup.MonthID]load.Month{
		24301: {Figures: fleet.Figures{Clusters: 3, TotalNodes: 7}},
		24300: {Figures: fleet.Figures{Clusters: 2, TotalNodes: 5}},
	}
	const good = `{"periods":{"month":{"clusters":3,"total_nodes":7,"source":"rollups"},"year":{"months":2}}}`
	if err := checkOverview([]byte(good), months); err != nil {
		t.Error(err)
	}
	for _, wrong := range [][2]string{
		{`"clusters":3`, `"clusters":2`},
		{`"total_nodes":7`, `"total_nodes":0`},
		{`"rollups"`, `"victoriametrics"`},
		{`"months":2`, `"months":1`},
		{`{"periods":`, `{"period":`},
		{`}}`, ``},
	} {
		body := strings.Replace(good, wrong[0], wrong[1], 1)
		if checkOverview([]byte(body), months) == nil {
			t.Errorf("%s is taken", body)
		}
	}
}
