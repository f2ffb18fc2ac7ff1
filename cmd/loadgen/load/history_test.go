package load

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func get(t *testing.T, url string) []byte {
	t.Helper()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s: %d, error %v: %s", url, res.StatusCode, err, body)
	}
	return body
}

// query evaluates a query at the end of a month, WINDOW being the whole month,
// and returns the values by the label kind.
func query(t *testing.T, base string, m rollup.MonthID, q string) map[string]int64 {
	t.Helper()
	q = strings.ReplaceAll(q, "WINDOW", fmt.Sprintf("[%dd]", m.Days()))
	at := strconv.FormatInt(m.End().Unix()-1, 10)
	body := get(t, base+"/api/v1/query?nocache=1&"+url.Values{"query": {q}, "time": {at}}.Encode())
	var answer struct {
		Data struct {
			Result []struct {
				Metric struct{ Kind string }
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	values := make(map[string]int64)
	for _, r := range answer.Data.Result {
		v, err := strconv.ParseInt(r.Value[1].(string), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if v > 0 {
			values[r.Metric.Kind] = v
		}
	}
	return values
}

func TestHistoryInVictoriaMetrics(t *testing.T) {
	v, err := victoria.Start(t.Context(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Kill)
	base := v.URL
	this := rollup.MonthOf(time.Now())
	o := HistoryOptions{
		URL: base, From: this - 2, To: this - 1, Derived: true, Now: time.Now,
		Fleet: fleet.Config{Seed: 5, Clusters: 60, Full: true, UpgradeShare: 0.5, BirthShare: 0.2, DeathShare: 0.2},
	}
	months, err := History(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := slices.Sorted(maps.Keys(months)); !slices.Equal(got, []rollup.MonthID{this - 2, this - 1}) {
		t.Fatalf("months %v", got)
	}
	for m, want := range months {
		if want.Upgraded == 0 || want.NodesUpper <= want.TotalNodes || want.Month != m.String() {
			t.Errorf("%v: nothing hard in %+v", m, want)
		}
		if want.Confirmed == 0 || want.Confirmed >= want.Clusters {
			t.Errorf("%v: %d of %d clusters confirmed", m, want.Confirmed, want.Clusters)
		}
		for q, n := range map[string]int64{
			`count(count by (cluster_id)(max_over_time(cozy_cluster_info WINDOW)))`:    want.Clusters,
			`sum(max by (cluster_id)(max_over_time(cozy_cluster_nodes WINDOW)))`:       want.TotalNodes,
			`sum(max_over_time(cozy_nodes_count WINDOW))`:                              want.NodesUpper,
			`count(count by (cluster_id)(max_over_time(cozy_nodes_count WINDOW)) > 1)`: want.Upgraded,
			`sum(max by (cluster_id)(max_over_time(cozy_tenants_count WINDOW)
				or max_over_time(cozy_application_count{kind="Tenant"} WINDOW)))`: want.TotalTenants,
		} {
			q = strings.ReplaceAll(q, " WINDOW", "WINDOW")
			if got := query(t, base, m, q)[""]; got != n {
				t.Errorf("%v: %s = %d, want %d", m, q, got, n)
			}
		}
		got := make(map[string]int64)
		for kind, n := range query(t, base, m, `sum by (kind)(max_over_time(cozy_application_countWINDOW))`) {
			got[appOf(kind)] += n
		}
		got["tenant"] = want.TotalTenants // not as an application of clients before v1.0; counted above
		if !maps.Equal(got, want.Apps) {
			t.Errorf("%v: apps\n got %v\nwant %v", m, got, want.Apps)
		}
	}
}

// appOf names applications for the comparison, apart from the simulation.
func appOf(kind string) string {
	if kind == "PostgreSQL" {
		return "postgres"
	}
	if kind == "VirtualPrivateCloud" {
		return "vpc"
	}
	words := regexp.MustCompile(`^(HTTP|TCP|VM|Virtual|Kubernetes)(Cache|Balancer|Disk|Instance|Machine|Nodes)$`)
	return strings.ToLower(words.ReplaceAllString(kind, "$1-$2"))
}

// importServer keeps the lines it is sent.
func importServer(t *testing.T, path string, status int) (string, *[]string) {
	var lines []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || r.Method != http.MethodPost {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		lines = append(lines, strings.Split(strings.TrimSuffix(string(body), "\n"), "\n")...)
		w.WriteHeader(status)
		io.WriteString(w, "unsupported path")
	}))
	t.Cleanup(server.Close)
	return server.URL, &lines
}

func TestHistoryLines(t *testing.T) {
	const path = "/insert/0/prometheus/api/v1/import/prometheus"
	for _, base := range []string{"/insert/0/prometheus", "/insert/0/prometheus/", path} {
		url, lines := importServer(t, path, http.StatusNoContent)
		var progress strings.Builder
		march := rollup.NewMonth(2026, time.March)
		now := time.Date(2026, 3, 2, 0, 1, 0, 0, time.UTC)
		months, err := History(t.Context(), HistoryOptions{
			URL: url + base, From: march, To: march, Every: 12 * time.Hour, Derived: true,
			Fleet: fleet.Config{Clusters: 1}, Progress: &progress, Now: func() time.Time { return now },
		})
		if err != nil {
			t.Fatal(err)
		}
		// Two steps, each of 11 and 5 lines and the derived series. The third has
		// begun, but the cluster's minute in it is still to come.
		if want := 2 * (11 + 5 + 1); len(*lines) != want || !strings.Contains(progress.String(), fmt.Sprint(want, " samples")) {
			t.Errorf("%d lines, want %d, progress %q", len(*lines), want, progress.String())
		}
		c := fleet.New(fleet.Config{Clusters: 1}).Cluster(0)
		form := regexp.MustCompile(`^cozy_[a-z_]+\{cluster_id="` + c.ID() + `"(,[a-z_]+="[^"]*")*\} \d+ (\d+)$`)
		for _, line := range *lines {
			m := form.FindStringSubmatch(line)
			if m == nil {
				t.Fatalf("line %q", line)
			}
			ms, err := strconv.ParseInt(m[2], 10, 64)
			if at := time.UnixMilli(ms); err != nil || at.Before(march.Start()) || !at.Before(now) {
				t.Errorf("at %v: %q", at, line)
			}
		}
		derived := fmt.Sprintf(`cozy_cluster_nodes{cluster_id="%s"} %d `, c.ID(), c.Nodes(0))
		if !slices.ContainsFunc(*lines, func(l string) bool { return strings.HasPrefix(l, derived) }) {
			t.Errorf("no line begins with %q", derived)
		}
		if len(months) != 1 || months[march].Clusters != 1 || months[march].Confirmed != 0 {
			t.Errorf("months %+v", months)
		}
	}
}

func TestHistoryOfSomeMetrics(t *testing.T) {
	url, lines := importServer(t, "/api/v1/import/prometheus", http.StatusNoContent)
	march := rollup.NewMonth(2026, time.March)
	metrics := []string{"cozy_cluster_info", "cozy_cluster_nodes"}
	o := HistoryOptions{
		URL: url, From: march, To: march, Every: 24 * time.Hour, Derived: true, Metrics: metrics,
		Fleet: fleet.Config{Clusters: 1}, Now: func() time.Time { return march.End() },
	}
	if _, err := History(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if len(*lines) != 2*31 {
		t.Errorf("%d lines", len(*lines))
	}
	for _, line := range *lines {
		if name, _, _ := strings.Cut(line, "{"); !slices.Contains(metrics, name) {
			t.Errorf("line %q", line)
		}
	}
}

func TestHistoryFails(t *testing.T) {
	refuses, _ := importServer(t, "/api/v1/import/prometheus", http.StatusBadRequest)
	good := HistoryOptions{URL: refuses, From: 24300, To: 24300, Fleet: fleet.Config{Clusters: 1}, Now: time.Now}
	tests := []struct {
		name string
		edit func(*HistoryOptions)
		want error
	}{
		{"refused", func(*HistoryOptions) {}, ErrImport},
		{"no server", func(o *HistoryOptions) { o.URL = "http://127.0.0.1:1" }, ErrImport},
		{"no address", func(o *HistoryOptions) { o.URL = "victoria" }, ErrURL},
		{"months swapped", func(o *HistoryOptions) { o.To-- }, ErrOptions},
		{"too often", func(o *HistoryOptions) { o.Every = time.Second }, ErrOptions},
		{"no clusters", func(o *HistoryOptions) { o.Fleet.Clusters = 0 }, ErrOptions},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := good
			tt.edit(&o)
			if months, err := History(t.Context(), o); !errors.Is(err, tt.want) || months != nil {
				t.Errorf("months %v, error %v", months, err)
			}
		})
	}
}
