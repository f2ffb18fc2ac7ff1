package e2e

import (
	"encoding/json"
	"slices"
	"testing"
)

// axe-core finds nothing wrong on any page, light, dark and on a phone. See checkAxe for
// what it can't tell.
func testAxe(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	for _, path := range []string{"/", "/?product=coroot", "/embed", "/privacy", "/counting"} {
		page.visit(server.Public + path)
		for _, look := range appearances {
			if !slices.Contains([]string{"light", "dark", "phone"}, look.name) {
				continue
			}
			page.size(look.width, look.height)
			page.as(look.medium, look.features...)
			checkAxe(t, page, path+", "+look.name)
		}
	}
}

// checkAxe fails for what axe-core finds, and for what it can't tell unless it is seen
// otherwise.
func checkAxe(t *testing.T, page *tab, what string) {
	t.Helper()
	found := page.axe()
	for _, f := range found.Violations {
		t.Errorf("%s: %s", what, f)
	}
	for _, f := range found.Incomplete {
		if f.ID == "color-contrast" {
			f.Nodes = slices.DeleteFunc(f.Nodes, page.isSeenOtherwise)
		}
		if len(f.Nodes) > 0 {
			t.Errorf("%s: axe can't tell: %s", what, f)
		}
	}
}

// isSeenOtherwise tells whether an element is one whose contrast axe-core can't know, and
// others do: checkPlaces that of texts in a chart, for which axe-core knows no background,
// and axe-core itself that of a table's cells where there is room for all.
func (p *tab) isSeenOtherwise(n node) bool {
	selector, err := json.Marshal(n.Target[len(n.Target)-1])
	return err == nil && eval[bool](p, `(() => {
  const at = document.querySelector(`+string(selector)+`), table = at.closest(".scroll, .prose table");
  return at.closest("svg.chart") !== null || table !== null && table.scrollWidth > table.clientWidth;
})()`)
}
