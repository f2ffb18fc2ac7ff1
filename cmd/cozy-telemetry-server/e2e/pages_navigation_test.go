package e2e

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// A visitor gets by links from any month, period, base and product to any other, and the
// address says what is shown: opened anew, it shows the same.
func testLinks(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	first := page.read(server.at("/"))
	if want := "Cozystack in " + thisMonth().Start().Format("January 2006"); first.Heading != want {
		t.Errorf("the page begins with %q, want %q", first.Heading, want)
	}
	before := thisMonth() - 1
	for _, step := range []struct{ link, chosen, heading string }{
		{`nav[aria-label="Month"] a[rel="prev"]`, "month=" + before.String(), "Cozystack in " + before.Start().Format("January 2006")},
		{`nav[aria-label="Period"] li:nth-child(2) a`, "period=quarter", "Cozystack in " + (before - 2).Start().Format("January 2006") + " — "},
		{`nav[aria-label="Period"] li:nth-child(3) a`, "period=year", "Cozystack in " + (before - 11).Start().Format("January 2006") + " — "},
		{`nav[aria-label="Which clusters"] li:nth-child(2) a`, "publish=confirmed", ""},
		{`nav[aria-label="Product"] li:nth-child(2) a`, "product=", ""},
		{`nav[aria-label="Product"] li:nth-child(1) a`, "", "Cozystack in "},
		{`nav[aria-label="Period"] li:nth-child(1) a`, "", "Cozystack in " + before.Start().Format("January 2006")},
		{`nav[aria-label="Month"] a[rel="next"]`, "", first.Heading},
	} {
		page.click(step.link)
		address := eval[string](page, "location.href")
		s := page.sight()
		if !strings.Contains(address, step.chosen) || !strings.HasPrefix(s.Heading, step.heading) {
			t.Errorf("%s leads to %s, %q; want %s, %q", step.link, address, s.Heading, step.chosen, step.heading)
		}
		if current := eval[int](page, `document.querySelectorAll('.choices nav:not(.months) [aria-current]').length`); current < 2 {
			t.Errorf("%s: %d of the choices are marked", address, current)
		}
		if !strings.HasPrefix(address, server.Public+"/") {
			t.Fatalf("%s left the server: %s", step.link, address)
		}
		equal(t, address+", opened anew", page.read(address), s)
	}
	table := `#history-clusters tbody tr:nth-child(3) a`
	eval[any](page, `document.querySelector("#history-clusters details").open = true`)
	page.click(table)
	if s := page.sight(); s.Heading != "Cozystack in "+(thisMonth()-2).Start().Format("January 2006") {
		t.Errorf("the third row of the table by month leads to %q", s.Heading)
	}
}

// The picker of months opens by keys, and leads to each month of which there is data and to
// no other.
func testMonthPicker(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	page.visit(server.at("/", "period", "quarter"))
	run(page, "focus", focusOn("#months summary"))
	page.press(kb.Enter)
	if !eval[bool](page, `document.getElementById("months").open`) {
		t.Fatal("Enter does not open the picker")
	}
	for month := thisMonth() - 23; month <= thisMonth(); month++ {
		href := eval[string](page, `document.querySelector('#months a:has(time[datetime="`+month.String()+`"])')?.href ?? ""`)
		u, err := url.Parse(href)
		if err != nil || href == "" {
			t.Errorf("there is no link to %s", month)
			continue
		}
		if got := u.Query().Get("month"); month != thisMonth() && got != month.String() || u.Query().Get("period") != "quarter" {
			t.Errorf("the link to %s is %s", month, href)
		}
	}
	if n := eval[int](page, `document.querySelectorAll("#months a").length`); n != 24 {
		t.Errorf("%d months can be picked, want 24", n)
	}
	chosen := thisMonth() - 14
	page.click(`#months a:has(time[datetime="` + chosen.String() + `"])`)
	if got := page.sight().Heading; !strings.HasSuffix(got, "— "+chosen.Start().Format("January 2006")) {
		t.Errorf("the picker led to %q", got)
	}
}

// The theme that a visitor chooses holds at once, and on the next page; the colours of what
// the system asks for hold without it.
func testTheme(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	page.visit(server.at("/"))
	background := func() string { return eval[string](page, `getComputedStyle(document.body).backgroundColor`) }
	light := background()
	page.as("", "prefers-color-scheme", "dark")
	dark := background()
	if light == dark {
		t.Errorf("light and dark are both on %s", dark)
	}
	for _, want := range []string{light, dark} { // first light, then dark, by hand
		run(page, "focus", focusOn("#theme"))
		page.press(" ")
		if got := background(); got != want {
			t.Errorf("%s is on %s, want %s", eval[string](page, `document.getElementById("theme").textContent`), got, want)
		}
	}
	page.as("", "prefers-color-scheme", "light")
	page.visit(server.at("/", "period", "year"))
	if got := background(); got != dark {
		t.Errorf("the next page is on %s, want %s", got, dark)
	}
}

// Without JavaScript all is there that is there with it.
func testWithoutScripts(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	for _, address := range []string{server.at("/"), server.at("/", "month", (thisMonth() - 1).String(), "period", "year"), server.at("/", "product", "synapse")} {
		page.scripts(true)
		with := page.read(address)
		page.scripts(false)
		equal(t, address+" without JavaScript", page.read(address), with)
		checkDrawings(t, address, with)
		if eval[bool](page, `document.getElementById("theme").offsetParent !== null`) {
			t.Error("there is a button that does nothing")
		}
	}
	page.click(`nav[aria-label="Period"] li:nth-child(2) a`)
	if address := eval[string](page, "location.href"); !strings.Contains(address, "period=quarter") {
		t.Errorf("the link led to %s", address)
	}
	eval[any](page, `document.querySelector("figure details").open = true`)
	if !eval[bool](page, `document.querySelector("figure details table").offsetParent !== null`) {
		t.Error("the table does not show")
	}
}
