package e2e

import (
	"cmp"
	"encoding/json"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var generatedAt = regexp.MustCompile(`"generated_at":"[^"]*"`)

// What a server has answered, a copy of its file answers too: of a final month to
// the byte, of the running one but for the time.
func TestOverviewOfAFileIsTheServers(t *testing.T) {
	db, _ := fleetFile(t)
	server := startServer(t, filepath.Dir(db), "--confirm-days=1")
	server.post(t, "c1", payload(t, "operator-v1.prom"))
	server.post(t, "c1", payload(t, "controller-v1.prom"))
	ask := func(month rollup.MonthID, aggregate string) string {
		return get(t, server.Public+month.Start().Format("/api/overview?year=2006&month=01&aggregate=")+aggregate)
	}
	final, running := thisMonth()-1, thisMonth()
	served := map[string]string{}
	aggregates := []string{"average", "distinct", "average&publish=confirmed"}
	for _, aggregate := range aggregates {
		// For a second the rollups' answer may be one from before the last report.
		eventually(t, "both reports are seen", func() bool { return strings.Contains(ask(running, "average"), `"postgres":5`) })
		served["final "+aggregate] = ask(final, aggregate)
		served["running "+aggregate] = ask(running, aggregate)
	}
	live := filepath.Join(t.TempDir(), "live.db")
	succeed(t, "backup", "--admin-addr", strings.TrimPrefix(server.Admin, "http://"), "-o", live)
	server.stop(t, syscall.SIGTERM)
	if served["final average"] == served["final average&publish=confirmed"] {
		t.Error("what is confirmed is not published")
	}
	for _, copy := range []string{live, db} {
		for _, aggregate := range aggregates {
			name, confirmed, _ := strings.Cut(aggregate, "&publish=")
			flags := []string{"--aggregate", name, "--publish", cmp.Or(confirmed, "seen"), "--confirm-days", "1"}
			if got := succeed(t, append([]string{"overview", "--db", copy, "--month", final.String()}, flags...)...); got != served["final "+aggregate] {
				t.Errorf("%s %s:\n%swas served as\n%s", aggregate, final, got, served["final "+aggregate])
			}
			got := succeed(t, append([]string{"overview", "--db", copy, "--month", running.String()}, flags...)...)
			if generatedAt.ReplaceAllString(got, "") != generatedAt.ReplaceAllString(served["running "+aggregate], "") {
				t.Errorf("%s %s:\n%swas served as\n%s", aggregate, running, got, served["running "+aggregate])
			}
		}
	}
	if r := command(t, "overview", "--db", db, "--month", "2024-01"); r.code != program.ExitFailure || !strings.Contains(r.errs, "no telemetry data for 2024-01") {
		t.Errorf("a month without data: %+v", r)
	}
}

// inspection is what inspect --json prints.
type inspection struct {
	Database string
	Schema   int
	Days     int
	FirstDay string `json:"first_day"`
	LastDay  string `json:"last_day"`
	Gaps     []struct{ First, Last string }
	Queue    struct{ Blocks int }
	Months   []struct {
		Month, Product string
		Instances      int
	}
}

func TestInspect(t *testing.T) {
	db, months := fleetFile(t)
	var found inspection
	if err := json.Unmarshal([]byte(succeed(t, "inspect", "--db", db, "--json")), &found); err != nil {
		t.Fatal(err)
	}
	last := thisMonth() - 1
	if found.Schema != 3 || found.FirstDay != (last-1).First().String() || found.LastDay != last.Last().String() ||
		len(found.Gaps) != 0 || found.Days != (last-1).Days()+last.Days() || len(found.Months) != 2 || found.Queue.Blocks != 0 {
		t.Errorf("found %+v", found)
	}
	for _, m := range found.Months {
		id, err := rollup.ParseMonth(m.Month)
		if err != nil || int64(m.Instances) != months[id].Clusters {
			t.Errorf("%+v, but there were %d clusters", m, months[id].Clusters)
		}
	}
	text := succeed(t, "inspect", "--db", db)
	for _, want := range []string{"schema       3", "last report  ", found.Months[0].Month + "  cozystack  "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}
