package e2e

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// misplaced finds what can't be seen as it should: what is wider than the window, text that
// is cut off, texts of a chart that lie on each other or outside, and marks of a chart that
// hardly differ from what is behind them.
const misplaced = `JSON.stringify((() => {
  const found = [];
  const name = (at) => at.tagName.toLowerCase() + "." + (at.getAttribute("class") ?? "") + " in " + (at.closest("[id]")?.id ?? "") + " " + JSON.stringify(at.textContent.trim().slice(0, 40));
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push("the page is " + root.scrollWidth + " wide in " + root.clientWidth);
  const shown = (at) => at.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true }) && !at.closest(".hidden, .skip");
  const scrolls = (at) => { for (; at; at = at.parentElement) if (["auto", "scroll"].includes(getComputedStyle(at).overflowX)) return true; return false; };
  for (const at of document.body.querySelectorAll("*")) {
    if (at.closest("svg") || !shown(at)) continue;
    const box = at.getBoundingClientRect(), style = getComputedStyle(at);
    if (!scrolls(at) && (box.right > root.clientWidth + 1 || box.left < -1)) found.push("beside the window: " + name(at));
    if (style.overflowX !== "visible" && !["auto", "scroll"].includes(style.overflowX) && at.scrollWidth > at.clientWidth + 1) found.push("cut off: " + name(at));
  }
  const colour = (text) => (text.match(/[\d.]+/g) ?? []).map(Number);
  const behind = (at) => { for (; at; at = at.parentElement) { const c = colour(getComputedStyle(at).backgroundColor); if (c.length === 3 || c[3] > 0) return c; } return [255, 255, 255]; };
  const light = (c) => { const [r, g, b] = c.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
  for (const svg of document.querySelectorAll("svg.chart")) {
    if (!shown(svg)) continue;
    const frame = svg.getBoundingClientRect(), ground = behind(svg);
    const boxes = [...svg.querySelectorAll("text")].map((at) => [at, at.getBoundingClientRect()]).filter(([, b]) => b.width > 0);
    boxes.forEach(([at, b], i) => {
      if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.bottom > frame.bottom + 1 || b.top < frame.top - 1) found.push("outside of its chart: " + name(at));
      for (const [other, o] of boxes.slice(i + 1)) {
        const over = Math.min(b.right, o.right) - Math.max(b.left, o.left), down = Math.min(b.bottom, o.bottom) - Math.max(b.top, o.top);
        if (over > 1 && down > 4) found.push("on each other: " + name(at) + " and " + name(other));
      }
    });
    const stands = (at, property, least) => {
      const ratio = contrast(colour(getComputedStyle(at)[property]), ground);
      if (ratio < least) found.push("contrast of " + ratio.toFixed(1) + ": " + name(at));
    };
    for (const at of svg.querySelectorAll("text, tspan")) stands(at, "fill", 4.5);
    for (const at of svg.querySelectorAll(".chart-row:not(.chart-other) .chart-bar")) stands(at, "fill", 3);
    for (const at of svg.querySelectorAll(".chart-path, .chart-marker")) stands(at, "stroke", 3);
  }
  return [...new Set(found)];
})())`

// appearances are the ways in which a page is shown.
var appearances = []struct {
	name          string
	width, height int64
	medium        string
	features      []string
	picture       float64 // how much of it a picture shows; 0: there is none
}{
	{"light", 1200, 900, "", []string{"prefers-color-scheme", "light"}, 1500},
	{"dark", 1200, 900, "", []string{"prefers-color-scheme", "dark"}, 1500},
	{"wide", 2000, 1100, "", nil, 3000},
	{"phone", 360, 740, "", nil, 2400},
	{"dark phone", 360, 740, "", []string{"prefers-color-scheme", "dark"}, 0},
	{"narrow", 320, 640, "", nil, 0},
	{"forced colours", 1200, 900, "", []string{"forced-colors", "active"}, 0},
	{"forced dark colours", 1200, 900, "", []string{"forced-colors", "active", "prefers-color-scheme", "dark"}, 0},
	{"more contrast", 1200, 900, "", []string{"prefers-contrast", "more"}, 0},
	{"reduced motion", 1200, 900, "", []string{"prefers-reduced-motion", "reduce"}, 0},
	{"paper", 718, 1000, "print", nil, 0}, // A4 within its margins
}

// However a page is shown, nothing is cut off, nothing lies on anything else, all fits the
// window, and charts stand out from what is behind them; also with all tables open.
func testLooks(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	page.visit(server.at("/"))
	page.picture("unfinished", "html", 1500)
	for _, address := range []string{server.at("/", "month", (thisMonth() - 1).String()), server.at("/", "product", "synapse")} {
		page.visit(address)
		for _, look := range appearances {
			page.size(look.width, look.height)
			page.as(look.medium, look.features...)
			checkPlaces(t, page, address+", "+look.name)
			if look.picture > 0 && !strings.Contains(address, "product") {
				page.picture(look.name, "html", look.picture)
			}
		}
		for _, width := range []int64{1200, 360} {
			page.size(width, 900)
			page.as("")
			page.open(true)
			checkPlaces(t, page, fmt.Sprintf("%s, %d pixels wide, with tables", address, width))
			page.open(false)
		}
	}
}

// open opens or closes all that can be opened.
func (p *tab) open(on bool) {
	p.t.Helper()
	eval[any](p, fmt.Sprintf(`document.querySelectorAll("details").forEach((d) => { d.open = %v })`, on))
}

// checkPlaces fails for what is misplaced in the page as it is shown.
func checkPlaces(t *testing.T, page *tab, what string) {
	t.Helper()
	for _, found := range eval[[]string](page, "JSON.parse("+misplaced+")") {
		t.Errorf("%s: %s", what, found)
	}
}

// On paper there is all that is on the screen, dark on light, without what only a screen can
// do, on not too many pages.
func testPrint(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	page.as("print", "prefers-color-scheme", "dark")
	page.visit(server.at("/"))
	for _, selector := range []string{"#theme", ".skip", "svg.chart", "[data-tile]"} {
		on := eval[bool](page, `document.querySelector("`+selector+`").checkVisibility()`)
		if want := selector != "#theme" && selector != ".skip"; on != want {
			t.Errorf("on paper %s shows: %v", selector, on)
		}
	}
	if ground := eval[string](page, `getComputedStyle(document.body).color`); ground != "rgb(0, 0, 0)" && eval[float64](page, `Math.max(...getComputedStyle(document.body).color.match(/\d+/g).map(Number))`) > 100 {
		t.Errorf("text on paper is %s", ground)
	}
	page.as("")
	pdf := run(page, "print", chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4)))
	pages := regexp.MustCompile(`/Type\s*/Page\b`).FindAll(pdf, -1)
	if !bytes.HasPrefix(pdf, []byte("%PDF")) || len(pages) < 2 || len(pages) > 30 {
		t.Errorf("%d pages in %d bytes of PDF", len(pages), len(pdf))
	}
}
