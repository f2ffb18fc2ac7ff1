package e2e

import (
	"strings"
	"testing"
)

// The operator's page on the private listener is as sound as the public ones, and hides the
// credentials of addresses.
func testOperatorsPage(t *testing.T, b *browser) {
	server := startServer(t, t.TempDir(), "--vmselect-url=http://reader:hunter2@127.0.0.1:9/select/0/prometheus")
	server.post(t, "c1", payload(t, "operator-v1.prom"))
	page := b.open(t, server.Admin)
	page.visit(server.Admin + "/")
	text := eval[string](page, "document.documentElement.outerHTML")
	if strings.Contains(text, "hunter2") || !strings.Contains(text, "--vmselect-url") {
		t.Errorf("the page shows a password, or no flags:\n%s", text)
	}
	for _, look := range appearances {
		page.size(look.width, look.height)
		page.as(look.medium, look.features...)
		checkPlaces(t, page, "the operator's page, "+look.name)
		if strings.HasSuffix(look.name, "phone") || look.name == "light" || look.name == "dark" {
			checkAxe(t, page, "the operator's page, "+look.name)
		}
	}
	page.as("")
	page.size(1200, 900)
	page.picture("operator", "html", 1600)
	page.scripts(false)
	page.visit(server.Admin + "/")
	if without := eval[int](page, `document.querySelectorAll("dt").length`); without < 5 {
		t.Errorf("without JavaScript there are %d facts", without)
	}
}
