package e2e

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What is special about the data is told where it can't be overlooked: a server that knows
// nothing yet, reports that no longer come, months without any. And the operator is told how
// it goes.
func TestPagesTellWhatIsSpecial(t *testing.T) {
	b := startBrowser(t)
	t.Run("empty", func(t *testing.T) { testEmptyServer(t, b) })
	t.Run("stale", func(t *testing.T) { testStaleData(t, b) })
	t.Run("gap", func(t *testing.T) { testGap(t, b) })
	t.Run("operator", func(t *testing.T) { testOperatorsPage(t, b) })
}

// A server without any report tells a newcomer what to send, as a command that works.
func testEmptyServer(t *testing.T, b *browser) {
	server := startServer(t, t.TempDir())
	page := b.open(t, server.Public)
	page.visit(server.at("/"))
	command := eval[string](page, `document.querySelector("pre code").textContent`)
	if !strings.Contains(command, "curl") || !strings.Contains(command, "X-Cluster-ID") || !strings.Contains(command, server.Public) {
		t.Errorf("a newcomer is told %q", command)
	}
	for _, look := range appearances {
		page.size(look.width, look.height)
		page.as(look.medium, look.features...)
		checkPlaces(t, page, "an empty server, "+look.name)
	}
	page.as("")
	page.size(1200, 800)
	checkAxe(t, page, "an empty server")
	page.picture("empty", "html", 900)
	shell(t, command)
	eventually(t, "the page shows the cluster", func() bool {
		page.visit(server.at("/"))
		return eval[string](page, `document.querySelector("[data-tile=clusters] .figure data")?.value ?? ""`) == "1"
	})
	checkDrawings(t, "a server with one cluster", page.sight())
	checkPlaces(t, page, "a server with one cluster")
	checkAxe(t, page, "a server with one cluster")
}

// Data that no longer grows is loud, at the top.
func testStaleData(t *testing.T, b *browser) {
	server := startServer(t, fleetOfPages(t, 120, nil, thisMonth()-5, thisMonth(), time.Now().AddDate(0, 0, -12)))
	page := b.open(t, server.Public)
	s := page.read(server.at("/"))
	if len(s.Notices) == 0 || !strings.Contains(s.Notices[0], "old") || !strings.Contains(s.Notices[0], "12 days ago") {
		t.Errorf("the page begins with %q", s.Notices)
	}
	loud := eval[bool](page, `(() => {
  const notice = document.querySelector("aside.notice.loud"), tile = document.querySelector("[data-tile]");
  return notice.getBoundingClientRect().bottom <= Math.min(innerHeight, tile.getBoundingClientRect().top);
})()`)
	if !loud {
		t.Error("the notice is not above all figures")
	}
	checkAxe(t, page, "stale data")
	page.picture("stale", "html", 900)
	page.visit(server.at("/embed"))
	if !eval[bool](page, `document.querySelector(".notice.loud") !== null`) {
		t.Error("the embedded tiles do not say that they are old")
	}
}

// Months without any report are a gap, not zeros, and lead nowhere.
func testGap(t *testing.T, b *browser) {
	gap := []rollup.MonthID{thisMonth() - 9, thisMonth() - 8, thisMonth() - 7}
	older := fleetOfPages(t, 60, nil, thisMonth()-16, gap[0]-1, time.Now())
	newer := fleetOfPages(t, 200, nil, gap[2]+1, thisMonth(), time.Now())
	dir := t.TempDir()
	succeed(t, "merge", "--output", filepath.Join(dir, "telemetry.db"), filepath.Join(older, "telemetry.db"), filepath.Join(newer, "telemetry.db"))
	server := startServer(t, dir)
	page := b.open(t, server.Public)
	s := page.read(server.at("/"))
	clusters := s.Figures["history-clusters"].column(t, "Seen")
	for _, month := range gap {
		if n, ok := clusters[month.String()]; n != nil || !ok {
			t.Errorf("%s has %s clusters, listed %v", month, number(n), ok)
		}
		if linked := eval[bool](page, `document.querySelector('a:has(time[datetime="`+month.String()+`"])') !== null`); linked {
			t.Errorf("there is a link to %s", month)
		}
	}
	for _, month := range []rollup.MonthID{gap[0] - 1, gap[2] + 1} {
		if n := clusters[month.String()]; n == nil || *n == 0 {
			t.Errorf("%s has %s clusters", month, number(n))
		}
	}
	if eval[int](page, `document.querySelectorAll("#history-clusters .chart-gap").length`) != 1 {
		t.Error("the chart does not show the gap")
	}
	checkDrawings(t, "a gap", s)
	checkPlaces(t, page, "a gap")
	checkAxe(t, page, "a gap")
	page.picture("gap", "html", 1100)
}

// shell runs a command as a newcomer pastes it.
func shell(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, out)
	}
	return string(out)
}
