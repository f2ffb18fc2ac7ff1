package web_test

import (
	"html/template"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/web"
)

func renderer(t *testing.T) *web.Renderer {
	t.Helper()
	r, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestDocumentHasItsTitleAndBody(t *testing.T) {
	page, err := renderer(t).RenderDocument("Privacy & more", template.HTML("<h1>Privacy</h1>"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<title>Privacy &amp; more ·", "<h1>Privacy</h1>", `<html lang="en">`} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page lacks %s", want)
		}
	}
}

func TestPagesAskForAssetsThatAreThere(t *testing.T) {
	r := renderer(t)
	page, err := r.RenderDocument("Privacy", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range r.Assets() {
		if !strings.Contains(string(page), `"`+a.Path+`"`) {
			t.Errorf("nothing asks for %s", a.Path)
		}
		if len(a.Body) == 0 || a.ContentType == "" {
			t.Errorf("%s is empty, or of no type", a.Path)
		}
	}
	if n := strings.Count(string(page), web.AssetsPath); n != len(r.Assets()) {
		t.Errorf("the page asks for %d assets, and there are %d", n, len(r.Assets()))
	}
}

func TestPageOfNothingIsAnError(t *testing.T) {
	if _, err := renderer(t).Render(web.Page{}); err == nil {
		t.Error("it is made")
	}
}
