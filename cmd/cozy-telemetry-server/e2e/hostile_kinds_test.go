package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// hostileKinds are what a kind should not be. Each of them, in a page, would ask
// for an address.
func hostileKinds(address string) []string {
	return []string{
		`<script>new Image().src="` + address + `"</script>`,
		`<img src="` + address + `">`,
		`</script><svg onload='fetch("` + address + `")'>`,
		"\u202egnp.exe", "Red\u200fis", "\u2028<iframe src=" + address + ">", `";}</style><b>`,
		"javascript:fetch('" + address + "')", "\x00", "__proto__.x", strings.Repeat("K", 1000),
	}
}

// Kinds that are pages, scripts or marks reach neither the answer nor, if they
// did, a browser that opens it or puts its text into a page.
func TestHostileKindsExecuteNothing(t *testing.T) {
	t.Parallel()
	var hits atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { hits.Add(1) }))
	defer canary.Close()
	kinds := hostileKinds(canary.URL)
	if browse(t, "<!doctype html>"+kinds[1]); hits.Swap(0) == 0 {
		t.Fatal("the browser does not ask for the address even where it should")
	}

	dir := t.TempDir()
	importMonth(t, dir, thisMonth()-1, kinds)
	server := startServer(t, t.TempDir(), "--snapshot-dir="+dir)
	body := "cozy_cluster_info 1\n" + `cozy_application_count{kind="Gadget"} 7` + "\n"
	for _, kind := range kinds {
		body += string(rollup.NewSeries("cozy_application_count", []rollup.Label{{Name: "kind", Value: kind}})) + " 5\n"
	}
	server.post(t, "attacker", body)
	url := server.Public + thisMonth().Start().Format("/api/overview?year=2006&month=1")
	eventually(t, "the report is in the answer", func() bool { return strings.Contains(get(t, url), `"Gadget":7`) })
	for _, query := range []string{"", "&aggregate=distinct"} {
		text := get(t, url+query)
		for _, kind := range kinds {
			if quoted, _ := json.Marshal(kind); strings.Contains(text, string(quoted)) || strings.Contains(text, kind) {
				t.Errorf("the answer has the kind %q", kind)
			}
		}
		if i := strings.IndexAny(text, "<>&\u2028\u2029\u202e\u200f"); i >= 0 {
			t.Errorf("the answer has %q at %d", text[i:i+1], i)
		}
	}
	browseURL(t, url)
	browse(t, fmt.Sprintf(`<!doctype html><p id="out"></p><script>
fetch(%q).then(async r => { document.getElementById("out").innerHTML = await r.text(); });</script>`, url))
	if n := hits.Load(); n != 0 {
		t.Errorf("a browser asked for the address %d times", n)
	}
}

// importMonth leaves a month of the original server in a folder. Its applications
// have the given names, and Gadget in another spelling.
func importMonth(t *testing.T, dir string, id rollup.MonthID, apps []string) {
	t.Helper()
	counts := map[string]int64{"gadget": 2}
	for _, app := range apps {
		counts[app] = 5
	}
	text, err := json.Marshal(map[string]any{
		"month": id.String(), "collected_at": id.End(), "clusters": 1, "total_nodes": 1, "total_tenants": 1, "apps": counts,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, id.String()+".json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// What everybody is told stays small whatever one cluster makes up, by every
// source and aggregate, and names no application twice.
func TestAnswerStaysSmall(t *testing.T) {
	t.Parallel()
	apps := make([]string, 10_000)
	for i := range apps {
		apps[i] = fmt.Sprintf("made%04d", i)
	}
	dir := t.TempDir()
	importMonth(t, dir, thisMonth()-1, apps)
	v := startVictoria(t, t.TempDir(), "")
	data := t.TempDir()
	// Without the bound on kinds, so that the answer alone keeps small.
	server := startServer(t, data, "--limits=off", "--current-ttl=0", "--snapshot-dir="+dir, "--forward-url="+v.URL+importPath,
		"--max-day-kinds=100000", "--max-day-series=100000")
	for chunk := range slices.Chunk(apps, 2500) {
		body := "cozy_cluster_info 1\ncozy_nodes_count 3\n" + `cozy_application_count{kind="Redis"} 1` + "\n" + `cozy_application_count{kind="Gadget"} 99` + "\n"
		for i, app := range chunk {
			body += fmt.Sprintf("cozy_application_count{kind=%q} %d\n", strings.ToUpper(app[:1])+app[1:], 2+i%7)
		}
		server.post(t, "attacker", body)
	}
	eventually(t, "all samples are forwarded", func() bool { return server.metric(t, "queue_blocks") == 0 })
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkSmall(t, server, rollup.SourceRollups)
	server.stop(t, 15)
	server = startServer(t, data, "--current-ttl=0", "--snapshot-dir="+dir, "--vmselect-url="+v.URL)
	eventually(t, "vmselect answers", func() bool {
		return server.overview(t, thisMonth()).Source == rollup.SourceVictoriaMetrics
	})
	checkSmall(t, server, rollup.SourceVictoriaMetrics)
}

func checkSmall(t *testing.T, server *process, source rollup.Source) {
	t.Helper()
	listed := len(appsource.New(appsource.Config{}).ByApp(nil))
	for _, aggregate := range []overview.Aggregate{overview.Average, overview.Distinct} {
		text := get(t, server.Public+thisMonth().Start().Format("/api/overview?year=2006&month=1&aggregate=")+string(aggregate))
		if len(text) > 12<<10 {
			t.Errorf("%s, %s: an answer of %d bytes", source, aggregate, len(text))
		}
		var answer struct {
			Periods map[string]month `json:"periods"`
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatal(err)
		}
		for name, p := range answer.Periods {
			keys := map[string]bool{}
			for app := range p.Apps {
				keys[strings.ToLower(app)] = true
			}
			if len(keys) != len(p.Apps) || len(keys) != listed+100 {
				t.Errorf("%s, %s, %s: %d names of %d applications, %d are listed", source, aggregate, name, len(p.Apps), len(keys), listed)
			}
			if p.Apps["Gadget"] == 0 || p.Apps["gadget"] != 0 || p.Apps["redis"] == 0 && name == "month" {
				t.Errorf("%s, %s, %s: Gadget %d, gadget %d, redis %d", source, aggregate, name, p.Apps["Gadget"], p.Apps["gadget"], p.Apps["redis"])
			}
		}
		if got := answer.Periods["month"]; got.Source != source {
			t.Errorf("the month is from %s, not %s", got.Source, source)
		}
	}
}

// Every answer of the public listener, refusals too, says that it is data.
func TestAnswersAreInert(t *testing.T) {
	server := startServer(t, t.TempDir())
	for _, request := range []string{
		"GET /api/overview", "GET /api/overview?year=2026&month=13", "POST /", "PUT /", "GET /nothing", "GET /healthz", "GET /readyz",
		"OPTIONS /api/overview", "DELETE /api/overview",
	} {
		method, path, _ := strings.Cut(request, " ")
		req, err := http.NewRequest(method, server.Public+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		policy := resp.Header.Get("Content-Security-Policy")
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("%s: %v", request, resp.Header)
		}
	}
}
