package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// stop is where the focus is after a key.
type stop struct {
	Tag, Name, Href string
	// Place is its number in the document; it is shown, and its focus can be seen.
	Place           int
	Shown, Outlined bool
}

const focused = `JSON.stringify((() => {
  const at = document.activeElement;
  if (!at || at === document.body) return null;
  const box = at.getBoundingClientRect(), style = getComputedStyle(at);
  return {
    Tag: at.tagName.toLowerCase(), Href: at.getAttribute("href") ?? "",
    Name: (at.getAttribute("aria-label") ?? at.textContent).trim().slice(0, 80),
    Place: [...document.querySelectorAll("*")].indexOf(at),
    Shown: box.width > 0 && box.height > 0 && box.right > 0 && box.bottom > 0 && box.top < innerHeight && style.visibility === "visible",
    Outlined: at.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1.5,
  };
})())`

// Whoever has no mouse gets to everything, in the order in which it is read, sees where they
// are, may skip what each page begins with, and reads charts by arrow keys.
func testKeyboard(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	page.as("", "prefers-reduced-motion", "reduce") // so that it is where it goes at once
	page.visit(server.at("/"))
	places := make(map[string]int)
	last, stops := -1, 0
	for ; stops < 400; stops++ {
		page.press(kb.Tab)
		at := eval[*stop](page, "JSON.parse("+focused+")")
		if at == nil {
			break
		}
		if stops == 0 && (at.Href != "#main" || !at.Shown) {
			t.Errorf("the first stop is %+v, want the skip link", at)
		}
		if at.Place <= last || !at.Shown || !at.Outlined || at.Name == "" {
			t.Errorf("stop %d after %d: %+v", stops, last, at)
		}
		last = at.Place
		places[at.Tag]++
	}
	if places["a"] < 20 || places["summary"] < 5 || places["button"] < 1 || stops == 400 {
		t.Errorf("%d stops: %v", stops, places)
	}
	page.visit(server.at("/"))
	page.press(kb.Tab + kb.Enter + kb.Tab)
	if first := eval[bool](page, `document.getElementById("main").contains(document.activeElement)`); !first {
		t.Error("the skip link does not lead to the content")
	}
	testReadout(t, page)
}

// testReadout reads a chart of months by keys: each of them as the chart has it, and said
// to a screen reader.
func testReadout(t *testing.T, page *tab) {
	t.Helper()
	months := page.sight().Figures["history-clusters"].Months
	run(page, "focus", focusOn("#history-clusters .readout"))
	for _, step := range []struct {
		key string
		at  int
	}{{"", 23}, {kb.ArrowLeft, 22}, {kb.ArrowLeft, 21}, {kb.ArrowRight, 22}, {kb.Home, 0}, {kb.ArrowLeft, 0}, {kb.End, 23}} {
		page.press(step.key)
		says := eval[[]string](page, `(() => { const at = document.activeElement; return [at.textContent, at.getAttribute("aria-valuetext")]; })()`)
		if want := months[step.at].Label; !strings.HasPrefix(says[0], want) || says[0] != says[1] {
			t.Errorf("the readout says %q, want %s", says, want)
		}
	}
}

// focusOn puts the focus on an element, as a script or an assistive program does.
func focusOn(selector string) chromedp.Action[chromedp.Void] {
	return func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		return chromedp.Focus(chromedp.CSS(selector))(ctx, t)
	}
}
