package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Names that are pages, scripts or marks are text on the pages, which run nothing of them,
// ask for nothing, and keep their form: kinds, versions and all else that a report names, of
// so many clusters that it is shown, and those of a month that was taken over.
func TestHostileNamesOnPages(t *testing.T) {
	var hits atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { hits.Add(1) }))
	defer canary.Close()
	names := append(hostileKinds(canary.URL), `<img src=x onerror=fetch("`+canary.URL+`")>`, "=HYPERLINK(\"x\")", strings.Repeat("W", 64), "مرحبا \u202b", "{{.}}${1}")
	dir := t.TempDir()
	importMonth(t, dir, thisMonth()-1, names)
	server := startServer(t, t.TempDir(), "--snapshot-dir="+dir, "--limits=off", "--min-share=2")
	for i, name := range names {
		for n := range 3 {
			server.post(t, fmt.Sprintf("%08x-0000-4000-8000-%012d", i, n), hostileReport(name))
		}
	}
	page := startBrowser(t).open(t, server.Public)
	shown := false
	for _, month := range []rollup.MonthID{thisMonth(), thisMonth() - 1} {
		for _, width := range []int64{1200, 360} {
			page.size(width, 900)
			page.visit(server.at("/", "month", month.String()))
			page.open(true)
			checkPlaces(t, page, fmt.Sprintf("%s, %d pixels wide", month, width))
			text := eval[string](page, "document.body.textContent")
			shown = shown || strings.Contains(text, "<img src=")
			if n := eval[int](page, `document.querySelectorAll("main img, iframe, main script, main style, b, [onload], [onerror], [style]").length`); n > 0 {
				t.Errorf("%s: %d elements came of names", month, n)
			}
		}
		page.open(false)
		checkAxe(t, page, month.String())
		checkDrawings(t, month.String(), page.sight())
	}
	if !shown {
		t.Error("no hostile name is shown, so nothing was tried")
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("the canary was asked %d times", n)
	}
}

// hostileReport names all that a report can name in the same way.
func hostileReport(name string) string {
	series := func(metric string, labels ...string) string {
		var all []rollup.Label
		for _, l := range labels {
			all = append(all, rollup.Label{Name: l, Value: name})
		}
		return string(rollup.NewSeries(metric, all)) + " 5\n"
	}
	return series("cozy_cluster_info", "cozystack_version", "kubernetes_version") +
		series("cozy_nodes_count", "kernel", "os") +
		series("cozy_pvs_count", "driver", "size") +
		series("cozy_package_info", "name", "variant") +
		series("cozy_cluster_capacity", "resource") +
		series("cozy_application_count", "kind")
}
