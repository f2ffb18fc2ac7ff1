package web_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/cozystack/cozystack-telemetry-server/overview/web"
)

// tileOf returns the figure of a tile, and all that the tile says.
func tileOf(t *testing.T, page *html.Node, name string) (figure, text string) {
	t.Helper()
	for _, n := range elements(page, "div") {
		if attr(n, "data-tile") == name {
			return attr(elements(n, "data")[0], "value"), strings.Join(strings.Fields(textOf(n)), " ")
		}
	}
	t.Fatalf("there is no tile %s", name)
	return "", ""
}

func TestTilesSay(t *testing.T) {
	pages := everyPage(t)
	for _, c := range []struct{ page, tile, figure, text string }{
		{"full", "clusters", "1342", "Clusters 1,342 seen 1,197 confirmed +28 (+2.1 %) against October, so far"},
		{"embed of full", "clusters", "1342", "Clusters 1,342 seen 1,197 confirmed +28 (+2.1 %) against October, so far"},
		{"full", "total_nodes", "6978", "Nodes 6,978 seen 6,224 confirmed 5.2 per cluster +146 (+2.1 %) against October, so far"},
		{"confirmed", "clusters", "1197", "Clusters 1,197 confirmed 1,342 seen +15 (+1.3 %) against October, so far"},
		{"young", "clusters", "1342", "Clusters 1,342 seen 1,197 confirmed +28 (+2.1 %) against 6 of 31 days of October, so far"},
		{"year", "clusters", "1342", "Clusters 1,342 seen 1,197 confirmed"},
		{"gap", "clusters", "1342", "Clusters 1,342 seen 1,197 confirmed"},
		{"uncounted", "clusters", "1342", "Clusters 1,342 seen 1,197 confirmed"},
		{"empty", "total_tenants", "0", "Tenants 0 seen confirmed: not known yet 0.0 per cluster"},
		{"product", "instances", "103", "Instances 103"},
	} {
		figure, text := tileOf(t, pages[c.page], c.tile)
		if figure != c.figure || text != c.text {
			t.Errorf("%s, %s: %s, %q", c.page, c.tile, figure, text)
		}
	}
}

func TestNoticesSay(t *testing.T) {
	pages := everyPage(t)
	for name, want := range map[string]string{
		"full":      "November 2026 is not over. These are the figures so far, from 21 of 30 days. They will grow until the month ends.",
		"ended":     "",
		"gap":       "Days are missing. There are reports of 28 of the 31 days of October 2026. Clusters that were there on the other days alone are not counted.",
		"stale":     "This data is old. The newest report came on 19 November 2026, 2 days ago. Since then none has reached this server, so what has changed is not in these figures.",
		"uncounted": "November 2026 is not over. These are the figures so far. They will grow until the month ends.",
	} {
		notices := elements(pages[name], "aside")
		if want == "" {
			if len(notices) > 0 {
				t.Errorf("%s: %q", name, textOf(notices[0]))
			}
			continue
		}
		if got := textOf(notices[0]); got != want {
			t.Errorf("%s: %q", name, got)
		}
		if loud := strings.Contains(attr(notices[0], "class"), "loud"); loud != (name == "stale") {
			t.Errorf("%s: loud %v", name, loud)
		}
	}
}

// A frame says in a few words what a page says in more.
func TestFramesSayWhatIsUnfinished(t *testing.T) {
	pages := everyPage(t)
	for name, want := range map[string]string{
		"embed of full": "November 2026 is not over.", "embed of gap": "Days are missing.", "embed of ended": "",
		"embed of stale": "This data is old. The newest report came on 19 November 2026, 2 days ago. Since then none has reached this server, so what has changed is not in these figures.",
	} {
		said := ""
		for _, n := range elements(pages[name], "p") {
			if strings.Contains(attr(n, "class"), "notice") && said == "" {
				said = textOf(n)
			}
		}
		if said != want {
			t.Errorf("%s: %q", name, said)
		}
	}
}

// Where nothing is folded, nothing says so.
func TestNothingIsFewerThanOne(t *testing.T) {
	p := small()
	for share, want := range map[int64]bool{1: false, 2: true} {
		p.Breakdown.MinShare = share
		page, err := renderer(t).Render(p)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(page, []byte("What fewer than")); got != want {
			t.Errorf("of %d: %v", share, got)
		}
	}
}

func TestLinksAreTheState(t *testing.T) {
	pages := everyPage(t)
	links := func(page string) map[string]string {
		found := make(map[string]string)
		for _, a := range elements(pages[page], "a") {
			found[textOf(a)] = attr(a, "href")
		}
		return found
	}
	for _, c := range []struct{ page, link, href string }{
		{"full", "3 months", "/?period=quarter"},
		{"full", "Month", "/"},
		{"full", "Synapse", "/?product=synapse"},
		{"full", "Confirmed", "/?publish=confirmed"},
		{"ended", "12 months", "/?month=2026-10&period=year"},
		{"product", "Cozystack", "/"},
		{"product", "3 months", "/?period=quarter&product=synapse"},
		{"confirmed", "Synapse", "/?product=synapse"},
		{"product of who publishes confirmed", "Cozystack", "/"},
		{"embed of ended", "All figures, and how they are counted", "/?month=2026-10"},
		{"full", "These figures as JSON", "/api/overview?month=11&year=2026"},
		{"product", "These figures as JSON", "/api/overview?month=11&product=synapse&year=2026"},
	} {
		if got := links(c.page)[c.link]; got != c.href {
			t.Errorf("%s: %s leads to %s", c.page, c.link, got)
		}
	}
}

// TestFirstLoadIsSmall holds what a visitor's browser loads at first below 60 kB.
func TestFirstLoadIsSmall(t *testing.T) {
	r := renderer(t)
	page, err := r.Render(full())
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, a := range append(r.Assets(), web.Asset{Path: "page", Body: page}) {
		zipped := gzipped(a.Body)
		t.Logf("%s %d of %d", a.Path, zipped, len(a.Body))
		total += zipped
	}
	if t.Logf("in all %d bytes", total); total > 60_000 {
		t.Errorf("the first load has %d bytes", total)
	}
}

// gzipped is how many bytes a body takes on the wire.
func gzipped(body []byte) int {
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = z.Write(body)
	_ = z.Close()
	return zipped.Len()
}
