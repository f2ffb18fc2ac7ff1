package e2e

import (
	"strings"
	"testing"
)

// What is written for people reads well on any screen, and leads to nothing that is not
// there.
func testProse(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	for path, says := range map[string]string{"/privacy": "kubectl patch", "/counting": "confirmed"} {
		page.visit(server.Public + path)
		if text := eval[string](page, `document.getElementById("main").textContent`); !strings.Contains(text, says) {
			t.Errorf("%s does not say %q", path, says)
		}
		if n := eval[int](page, `document.querySelectorAll("h1").length`); n != 1 {
			t.Errorf("%s has %d main headings", path, n)
		}
		for _, look := range appearances {
			page.size(look.width, look.height)
			page.as(look.medium, look.features...)
			checkPlaces(t, page, path+", "+look.name)
		}
	}
	for _, path := range []string{"/", "/privacy", "/counting", "/embed"} {
		page.visit(server.Public + path)
		for _, link := range eval[[]string](page, `[...new Set([...document.links].map((a) => a.href).filter((href) => href.startsWith(location.origin)))]`) {
			address, anchor, _ := strings.Cut(link, "#")
			text, err := tryGet(address)
			if err != nil || anchor != "" && !strings.Contains(text, `id="`+anchor+`"`) {
				t.Errorf("%s leads to %s: %v", path, link, err)
			}
		}
	}
}

// A wrong address is answered by a page that says what is wrong, and leads back.
func testWrongAddresses(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	for path, status := range map[string]int64{
		"/?month=2026-13": 400, "/?period=week": 400, "/?product=%3Cscript%3Ealert(1)%3C/script%3E": 400, "/?publish=all": 400,
		"/embed?month=x": 400, "/?month=" + (thisMonth() - 30).String(): 404,
	} {
		page.visitFor(server.Public+path, status)
		if title := eval[string](page, `document.querySelector("h1")?.textContent ?? ""`); title == "" {
			t.Errorf("%s is no page", path)
		}
		if back := eval[bool](page, `[...document.links].some((a) => a.getAttribute("href") === "/")`); !back {
			t.Errorf("%s does not lead back", path)
		}
		checkPlaces(t, page, path)
		checkAxe(t, page, path)
	}
}
