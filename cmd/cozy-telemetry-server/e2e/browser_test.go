package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"
)

// page shows figures of an overview as the website does: from another origin.
const page = `<!doctype html><title>Telemetry</title><p id="out">waiting</p><script>
fetch(%q).then(async r => {
  const o = await r.json(), m = o.periods.month;
  document.getElementById("out").textContent =
    ["status", r.status, "clusters", m.clusters, "nodes", m.total_nodes, "postgres", m.apps.postgres].join(" ");
}).catch(e => { document.getElementById("out").textContent = "failed: " + e; });
</script>`

// A page of another origin can read the overview in a real browser, and what it
// gets when it asks wrongly.
func TestBrowserReadsTheOverview(t *testing.T) {
	server := startServer(t, t.TempDir())
	server.post(t, "c1", payload(t, "operator-v1.prom"))
	server.post(t, "c1", payload(t, "controller-v1.prom"))
	url := server.Public + thisMonth().Start().Format("/api/overview?year=2006&month=1")
	const want = "status 200 clusters 1 nodes 3 postgres 5"
	if dom := browse(t, fmt.Sprintf(page, url)); !strings.Contains(dom, want) {
		t.Errorf("the page shows\n%s\nwant %q", dom, want)
	}
	const wrong = `<p id="out">waiting</p><script>
fetch(%q).then(async r => { document.getElementById("out").textContent = r.status + " " + (await r.json()).error; });
</script>`
	if dom := browse(t, fmt.Sprintf(wrong, server.Public+"/api/overview?year=2026&month=13")); !strings.Contains(dom, "400 invalid month parameter") {
		t.Errorf("the page shows\n%s", dom)
	}
}

// browse serves a page and returns what it has become in Chromium.
func browse(t *testing.T, html string) string {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(html))
	}))
	defer site.Close()
	return browseURL(t, site.URL)
}

// browseURL opens an address in Chromium and returns what the page has become.
func browseURL(t *testing.T, url string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic",
		"--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--user-data-dir="+t.TempDir(), "--virtual-time-budget=10000", "--dump-dom", url)
	dom, err := cmd.Output()
	if err != nil {
		t.Fatalf("chromium: %v", err)
	}
	return string(dom)
}
