package e2e

import (
	"bytes"
	"hash/fnv"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// lossyVictoria has one in four of the samples of a fleet's two months, and the
// file has all of them.
func lossyVictoria(t *testing.T) (v *victoria.Server, file string, truth map[rollup.MonthID]load.Month) {
	t.Helper()
	file, truth = fleetFile(t)
	v = startVictoria(t, t.TempDir(), "")
	lossy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var kept bytes.Buffer
		for line := range bytes.Lines(body) {
			hash := fnv.New32a()
			hash.Write(line)
			if hash.Sum32()%4 == 0 {
				kept.Write(line)
			}
		}
		resp, err := http.Post(v.URL+importPath, "text/plain", &kept)
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		w.WriteHeader(resp.StatusCode)
	}))
	defer lossy.Close()
	fillVictoria(t, lossy.URL)
	return v, file, truth
}

// fillVictoria sends the reports of fleetFile's fleet.
func fillVictoria(t *testing.T, url string) {
	t.Helper()
	last := thisMonth() - 1
	_, err := load.History(t.Context(), load.HistoryOptions{
		URL: url, From: last - 1, To: last, Every: 8 * time.Hour, Now: time.Now, Derived: true,
		Fleet: fleet.Config{Clusters: 40, UpgradeShare: 0.5, BirthShare: 0.3, DeathShare: 0.3},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// heard returns what a server without any rollups answers from a VictoriaMetrics.
func heard(t *testing.T, v *victoria.Server, month rollup.MonthID, aggregate overview.Aggregate) periods {
	t.Helper()
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	empty := openStore(t, filepath.Join(t.TempDir(), "empty.db"))
	defer empty.Close()
	answer := ask(t, newOverview(t, empty, v.URL), month, aggregate)
	checkSource(t, month, answer, rollup.SourceVictoriaMetrics)
	return answer
}

// A VictoriaMetrics that has lost samples has the true figures again once the days
// were sent to it: of months, of windows counted distinct, and the clusters that
// were seen on enough days. Sending them twice is as sending them once.
func TestResend(t *testing.T) {
	t.Parallel()
	v, file, truth := lossyVictoria(t)
	last := thisMonth() - 1
	if got := heard(t, v, last, overview.Average)["month"]["total_nodes"]; got == float64(truth[last].TotalNodes) {
		t.Fatalf("%v nodes: nothing was lost", got)
	}
	before := fingerprint(t, file)
	resend := []string{
		"resend", "--db", file, "--forward-url", v.URL + importPath,
		"--from", (last - 1).First().String(), "--to", last.Last().String(),
	}
	planned := succeed(t, append(resend, "--dry-run")...)
	if got := heard(t, v, last, overview.Average)["month"]["total_nodes"]; got == float64(truth[last].TotalNodes) {
		t.Errorf("a dry run has sent something: %s", planned)
	}
	rollups, err := store.OpenReadOnly(file)
	if err != nil {
		t.Fatal(err)
	}
	defer rollups.Close()
	for range 2 {
		if sent := succeed(t, resend...); strings.TrimSuffix(sent, "sent\n") != strings.TrimSuffix(planned, "to send\n") {
			t.Errorf("it says %s, before %s", sent, planned)
		}
		for month := last - 1; month <= last; month++ {
			checkTruth(t, month, heard(t, v, month, overview.Average)["month"], truth[month])
			want := ask(t, newOverview(t, rollups, ""), month, overview.Distinct)
			checkSource(t, month, want, rollup.SourceRollups)
			for _, period := range want {
				period["confirmed"] = nil // which only the rollups have
			}
			if got := heard(t, v, month, overview.Distinct); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, distinct:\n%v\nof the rollups\n%v", month, got, want)
			}
		}
	}
	if fingerprint(t, file) != before {
		t.Error("the file has changed")
	}
	t.Log(planned)
}

// A VictoriaMetrics that is killed has lost what it took in its last seconds; after a
// resend, it lacks nothing.
func TestResendAfterAKill(t *testing.T) {
	t.Parallel()
	file, truth := fleetFile(t)
	dir := t.TempDir()
	v := startVictoria(t, dir, "")
	fillVictoria(t, v.URL)
	before := countSamples(t, v)
	v.Kill()
	v = startVictoria(t, dir, "")
	t.Logf("of %d samples %d are there after SIGKILL", before, countSamples(t, v)) // nearly always fewer
	last := thisMonth() - 1
	succeed(t, "resend", "--db", file, "--from", (last - 1).First().String(), "--to", last.Last().String(),
		"--forward-url", v.URL+importPath)
	for month := last - 1; month <= last; month++ {
		checkTruth(t, month, heard(t, v, month, overview.Average)["month"], truth[month])
	}
}

func countSamples(t *testing.T, v *victoria.Server) (n int) {
	t.Helper()
	if err := v.Flush(t.Context()); err != nil { // so that they are seen; they are not on disk
		t.Fatal(err)
	}
	req, err := http.NewRequest(http.MethodGet, v.URL+`/api/v1/export?match[]={cluster_id!=""}&start=0`, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, text := do(t, req)
	for line := range strings.Lines(text) {
		_, stamps, _ := strings.Cut(line, `"timestamps":[`)
		n += strings.Count(stamps, ",") + 1
	}
	return n
}

// What was sent again says of a day what the file says: taken over into another
// file, it makes the peaks, the last values and their hours anew, and it changes
// nothing where they are.
func TestResentDaysAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	file, _ := fleetFile(t)
	v, want := startVictoria(t, t.TempDir(), ""), plainDays(t, file)
	last := thisMonth() - 1
	succeed(t, "resend", "--db", file, "--from", (last - 1).First().String(), "--to", last.Last().String(),
		"--forward-url", v.URL+importPath)
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.db")
	runBackfill(t, backfillCommand(2, v.URL, other))
	got := plainDays(t, other)
	if len(got) != len(want) {
		t.Errorf("%d days, not %d", len(got), len(want))
	}
	for key, day := range want {
		if !reflect.DeepEqual(got[key].Points, day.Points) || nodesOf(got[key]) != nodesOf(day) {
			t.Errorf("%s:\n%+v\nin the file\n%+v", key, got[key], day)
		}
	}
	runBackfill(t, backfillCommand(2, v.URL, file))
	if !reflect.DeepEqual(plainDays(t, file), want) {
		t.Error("the file's own days have changed")
	}
}

// plainDays are the days of a file without labels that are empty: VictoriaMetrics
// knows none.
func plainDays(t *testing.T, file string) map[string]rollup.Day {
	t.Helper()
	days := readDays(t, file)
	for key, day := range days {
		days[key] = day.Rename(func(s rollup.Series) (rollup.Series, bool) {
			labels := slices.DeleteFunc(s.Labels(), func(l rollup.Label) bool { return l.Value == "" })
			return rollup.NewSeries(s.Metric(), labels), true
		})
	}
	return days
}

func nodesOf(d rollup.Day) float64 {
	for _, s := range d.Sums {
		if s.Metric == rollup.MetricNodes {
			return s.Peak
		}
	}
	return 0
}

// A wrong URL, and days that are not there, are one clear line.
func TestResendRefuses(t *testing.T) {
	file, _ := fleetFile(t)
	v := startVictoria(t, t.TempDir(), "")
	day := (thisMonth() - 1).First().String()
	for _, test := range []struct {
		from, to, url string
		code          int
		want          string
	}{
		{day, day, v.URL + "/insert/0/prometheus/api/v1/import/prometheus", program.ExitFailure, "unsupported path"},
		{day, day, v.URL + "/nothing", program.ExitFailure, "unsupported path"},
		{day, day, "http://no-such-host.invalid/", program.ExitFailure, "no such host"},
		{"2020-01-01", "2020-01-02", v.URL + importPath, program.ExitFailure, "has no day from 2020-01-01 to 2020-01-02"},
		{"2026-02-30", day, v.URL, program.ExitUsage, `--from: "2026-02-30" is not a day`},
		{day, "2020-01-01", v.URL, program.ExitUsage, "--to: 2020-01-01 is before"},
		{"", day, "ftp://x", program.ExitUsage, "--forward-url: not an http"},
	} {
		r := command(t, "resend", "--db", file, "--from", test.from, "--to", test.to, "--forward-url", test.url)
		lines := strings.Count(r.errs, "\n")
		if r.code != test.code || !strings.Contains(r.errs, test.want) || test.code == program.ExitFailure && lines != 1 || r.out != "" {
			t.Errorf("%+v: %+v", test, r)
		}
	}
}
