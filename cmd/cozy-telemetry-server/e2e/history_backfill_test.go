package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// originalHistory fills a VictoriaMetrics as the original server has: with the
// reports as they came and no derived series. It returns what is true of each
// month.
func originalHistory(t *testing.T, months, clusters int, every time.Duration) (*victoria.Server, map[rollup.MonthID]load.Month) {
	t.Helper()
	v := startVictoria(t, t.TempDir(), "")
	last := thisMonth() - 1
	truth, err := load.History(t.Context(), load.HistoryOptions{
		URL: v.URL, From: last - rollup.MonthID(months) + 1, To: last, Every: every, Now: time.Now,
		Fleet: fleet.Config{Clusters: clusters, UpgradeShare: 0.5, BirthShare: 0.3, DeathShare: 0.3},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return v, truth
}

// backfillCommand takes over all months before this one.
func backfillCommand(months int, url, file string, flags ...string) *exec.Cmd {
	last := thisMonth() - 1
	return exec.Command(cli.Name, append([]string{
		"backfill", "--vmselect-url=" + url, "--db-path=" + file,
		"--from=" + (last - rollup.MonthID(months) + 1).String(), "--to=" + last.String(),
	}, flags...)...)
}

// runBackfill runs the command to its end and returns what it prints.
func runBackfill(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s%s", err, out, stderr.String())
	}
	return string(out)
}

// readDays returns every record of a file's days.
func readDays(t *testing.T, file string) map[string]rollup.Day {
	t.Helper()
	db := openStore(t, file)
	defer db.Close()
	versions, err := db.DayVersions("cozystack")
	if err != nil {
		t.Fatal(err)
	}
	days := make(map[string]rollup.Day)
	for date := range versions {
		err := db.Instances(t.Context(), date, func(product, instance string, day rollup.Day) error {
			days[date.String()+" "+product+" "+instance] = day
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return days
}

// A deployment that leaves the original server, and its VictoriaMetrics, keeps
// its months: every figure of half a year is the simulation's, also the nodes of
// clusters whose kernels were upgraded. What was stored of a month with fewer
// clusters does not hide that, and a second run changes nothing.
func TestBackfill(t *testing.T) {
	t.Parallel()
	const months = 6
	begin := time.Now()
	v, truth := originalHistory(t, months, 80, 8*time.Hour)
	t.Logf("%v to write the history", time.Since(begin))
	file, last := filepath.Join(t.TempDir(), "telemetry.db"), thisMonth()-1
	storeSnapshot(t, file, rollup.Snapshot{Month: last - 2, Clusters: 3, Source: rollup.SourceImported, Final: true})

	begin = time.Now()
	cmd := backfillCommand(months, v.URL, file)
	t.Logf("%s%v, %d MB", runBackfill(t, cmd), time.Since(begin), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss>>10)
	days := readDays(t, file)
	if out := runBackfill(t, backfillCommand(months, v.URL, file, "--again")); strings.Contains(out, " 0 samples") {
		t.Errorf("nothing was taken again: %s", out)
	}
	if again := readDays(t, file); !reflect.DeepEqual(again, days) {
		t.Errorf("a second run changes days: %d, before %d", len(again), len(days))
	}
	v.Kill()

	db := openStore(t, file)
	defer db.Close()
	o := newOverview(t, db, "")
	for id := last - months + 1; id <= last; id++ {
		if truth[id].NodesUpper <= truth[id].TotalNodes {
			t.Errorf("%s has no kernel upgrade", id)
		}
		month := ask(t, o, id, overview.Average)["month"]
		checkTruth(t, id, month, truth[id])
		checkConfirmedTruth(t, id, month, truth[id])
		t.Logf("%s: %d clusters, %d nodes (%d by series), %d tenants", id,
			truth[id].Clusters, truth[id].TotalNodes, truth[id].NodesUpper, truth[id].TotalTenants)
	}
	s, _, err := db.Snapshot(last - 2)
	if err != nil || s.Source != rollup.SourceRollups || s.Clusters != truth[last-2].Clusters || s.TotalNodes != truth[last-2].TotalNodes {
		t.Errorf("stored is %+v, %v", s, err)
	}
}

func storeSnapshot(t *testing.T, file string, s rollup.Snapshot) {
	t.Helper()
	db := openStore(t, file)
	defer db.Close()
	if _, err := db.OfferSnapshot(t.Context(), s); err != nil {
		t.Fatal(err)
	}
}

// A running server takes over when it is asked to on its private listener, one
// job at a time, and takes reports meanwhile. The offline command says so.
func TestBackfillByTheServer(t *testing.T) {
	t.Parallel()
	const months = 2
	v, truth := originalHistory(t, months, 60, 12*time.Hour)
	dir := t.TempDir()
	server := startServer(t, dir, "--vmselect-url="+v.URL)
	last := thisMonth() - 1
	query := "?from=" + (last - 1).String() + "&to=" + last.String()

	begin := time.Now()
	text, err := backfillCommand(months, v.URL, filepath.Join(dir, "telemetry.db")).CombinedOutput()
	if took := time.Since(begin); err == nil || took > 2*time.Second || !strings.Contains(string(text), "see --admin-addr") {
		t.Errorf("beside a server, after %v: %v %s", took, err, text)
	}
	for _, refused := range []string{"", "?from=2026-13&to=2026-14", "?from=2026-02&to=2026-01", "?from=2999-01&to=2999-01", "?from=0001-01&to=2026-01"} {
		if status, text := postBackfill(t, server, refused); status != http.StatusBadRequest {
			t.Errorf("%q: %d %s", refused, status, text)
		}
	}
	if status, text := postBackfill(t, server, query); status != http.StatusAccepted || !strings.Contains(text, `"running":true`) {
		t.Errorf("%d %s", status, text)
	}
	if status, text := postBackfill(t, server, query); status != http.StatusConflict {
		t.Errorf("a second one: %d %s", status, text)
	}
	server.post(t, "my-cluster", payload(t, "operator-v1.prom"))
	var state backfillState
	eventually(t, "the backfill is done", func() bool {
		getJSON(t, server.Admin+"/backfill", &state)
		return !state.Running
	})
	if state.Error != "" || state.Days == 0 || state.Days != state.Total || state.Samples == 0 {
		t.Errorf("in the end: %+v", state)
	}
	out := runBackfill(t, backfillCommand(months, "", "", "--admin-addr="+strings.TrimPrefix(server.Admin, "http://")))
	if !strings.Contains(out, " 0 samples") {
		t.Errorf("asked again: %s", out)
	}
	if status, text := postBackfill(t, server, query+"&again"); status != http.StatusAccepted {
		t.Errorf("%d %s", status, text)
	}
	begin = time.Now()
	if code := server.stop(t, syscall.SIGTERM); code != 0 || time.Since(begin) > 5*time.Second {
		t.Errorf("stopped in the middle: exit code %d after %v", code, time.Since(begin))
	}
	v.Kill()
	server = startServer(t, dir)
	for id := last - 1; id <= last; id++ {
		if got := server.overview(t, id); got.Clusters != truth[id].Clusters || got.TotalTenants != truth[id].TotalTenants {
			t.Errorf("%s: %v, in truth %+v", id, got, truth[id])
		}
	}
	server.stop(t, syscall.SIGTERM)
}

// backfillState is what GET /backfill answers.
type backfillState struct {
	Running                       bool
	Days, Total, Samples, Skipped int64
	SkippedFor                    map[string]int64 `json:"skipped_for"`
	Error                         string
}

func postBackfill(t *testing.T, server *process, query string) (status int, text string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, server.Admin+"/backfill"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, text = do(t, req)
	if !json.Valid([]byte(text)) {
		t.Errorf("not JSON: %s", text)
	}
	return status, text
}

// A server that started beside a VictoriaMetrics of the original has made months
// final of what that says, which counts the nodes of kernel upgrades twice. The
// backfill corrects them, and no later look at vmselect undoes that.
func TestBackfillCorrectsFinalMonths(t *testing.T) {
	t.Parallel()
	const months = 2
	v, truth := originalHistory(t, months, 60, 12*time.Hour)
	file, last := filepath.Join(t.TempDir(), "telemetry.db"), thisMonth()-1
	nodes := func(by func(load.Month) int64, source rollup.Source) {
		t.Helper()
		db := openStore(t, file)
		defer db.Close()
		apps := appsource.New(appsource.Config{Now: time.Now, Store: db})
		o, err := overview.New(db, apps, overview.Config{Now: time.Now, VMSelectURL: v.URL})
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		for id := last - months + 1; id <= last; id++ {
			shown := ask(t, o, id, overview.Average)["month"]
			if shown["total_nodes"] != float64(by(truth[id])) || shown["source"] != string(source) {
				t.Errorf("%s: %v nodes from %v, not %d from %s", id, shown["total_nodes"], shown["source"], by(truth[id]), source)
			}
			if s, _, err := db.Snapshot(id); err != nil || !s.Final {
				t.Errorf("%s: stored is %+v, %v", id, s, err)
			}
		}
	}
	nodes(func(m load.Month) int64 { return m.NodesUpper }, rollup.SourceVictoriaMetrics)
	runBackfill(t, backfillCommand(months, v.URL, file))
	nodes(func(m load.Month) int64 { return m.TotalNodes }, rollup.SourceRollups)
}
