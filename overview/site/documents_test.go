package site

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/docs"
	"github.com/cozystack/cozystack-telemetry-server/overview/web"
)

// documentsOf serves documents.
func documentsOf(t *testing.T, cfg DocumentsConfig) *echo.Echo {
	t.Helper()
	renderer, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	d, err := (&Site{web: renderer}).Documents(cfg)
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	d.Register(e)
	return e
}

func ask(e *echo.Echo, method, path string, header ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, req)
	return answer
}

// The project's own pages lead nowhere that is not there: to a heading of the page, to the
// other page, or to where the project's pages are.
func TestDocumentsLead(t *testing.T) {
	e := documentsOf(t, DocumentsConfig{Privacy: docs.Privacy, Counting: docs.Counting})
	pages := make(map[string]string)
	for _, path := range []string{"/privacy", "/counting"} {
		answer := ask(e, http.MethodGet, path)
		if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "text/html; charset=utf-8" || answer.Header().Get("Content-Security-Policy") != policy(nobody) {
			t.Fatalf("%s: %d %v", path, answer.Code, answer.Header())
		}
		pages[path] = answer.Body.String()
	}
	href := regexp.MustCompile(`<a href="([^"]*)"`)
	found := 0
	for path, page := range pages {
		_, body, _ := strings.Cut(page, "<main")
		body, _, _ = strings.Cut(body, "</main>")
		for _, m := range href.FindAllStringSubmatch(body, -1) {
			found++
			to, anchor, anchored := strings.Cut(m[1], "#")
			if to == "" {
				to = path
			}
			switch target, here := pages[to]; {
			case strings.HasPrefix(to, "https://github.com/cozystack/"):
			case !here || anchored && !strings.Contains(target, `id="`+anchor+`"`):
				t.Errorf("%s: %s leads nowhere", path, m[1])
			}
		}
		if strings.Contains(body, "style=") || strings.Contains(body, "<script") || strings.Contains(body, "<img") {
			t.Errorf("%s has what its policy forbids", path)
		}
	}
	if found < 8 {
		t.Errorf("only %d links were found", found)
	}
	for _, want := range []string{"kubectl patch -n cozy-system configmap cozystack", "<td><code>cozy_pvs_count</code></td>"} {
		if !strings.Contains(pages["/privacy"], want) {
			t.Errorf("/privacy lacks %s", want)
		}
	}
}

func TestLeadsTo(t *testing.T) {
	for target, want := range map[string]string{
		"privacy.md":          "/privacy",
		"counting.md#x":       "/counting#x",
		"./privacy.md":        "/privacy",
		"decisions.md#a":      source + "decisions.md#a",
		"../SECURITY.md":      "https://github.com/cozystack/cozystack-telemetry-server/blob/main/SECURITY.md",
		"../testdata/":        "https://github.com/cozystack/cozystack-telemetry-server/blob/main/testdata/",
		"#a":                  "#a",
		"?month=2026-03":      "?month=2026-03",
		"/?month=2026-03":     "/?month=2026-03",
		"https://example.org": "https://example.org",
		"//example.org/x.md":  "//example.org/x.md",
		"mailto:a@b.example":  "mailto:a@b.example",
	} {
		if got := leadsTo(target); got != want {
			t.Errorf("%s leads to %s, want %s", target, got, want)
		}
	}
}

// The corrections stand below, as they are now, and can do nothing; so does what is kept here.
func TestDocumentsHaveWhatIsBelow(t *testing.T) {
	var notes []byte
	e := documentsOf(t, DocumentsConfig{
		Privacy: []byte("# P\n"), Facts: []byte("## Here\n\n400d\n"), Counting: []byte("# C\n"),
		Notes: func() []byte { return notes },
	})
	if page := ask(e, http.MethodGet, "/privacy").Body.String(); !strings.Contains(page, "<h2 id=\"here\">Here</h2>\n<p>400d</p>") {
		t.Errorf("/privacy lacks what is kept here:\n%s", page)
	}
	first := ask(e, http.MethodGet, "/counting")
	if strings.Contains(first.Body.String(), "Log of corrections") {
		t.Error("there is a log without notes")
	}
	notes = []byte("On <b>2026-03-05</b>, [see](javascript:alert(1)) and [March](/?month=2026-03).\n")
	second := ask(e, http.MethodGet, "/counting")
	want := `<h2 id="log-of-corrections">Log of corrections</h2>` + "\n<p>On &lt;b&gt;2026-03-05&lt;/b&gt;, see and <a href=\"/?month=2026-03\">March</a>.</p>"
	if !strings.Contains(second.Body.String(), want) || first.Header().Get("ETag") == second.Header().Get("ETag") {
		t.Errorf("/counting lacks the corrections:\n%s", second.Body)
	}
	if again := ask(e, http.MethodGet, "/counting", "If-None-Match", second.Header().Get("ETag")); again.Code != http.StatusNotModified {
		t.Errorf("asked again: %d", again.Code)
	}
	if post := ask(e, http.MethodPost, "/privacy"); post.Code != http.StatusMethodNotAllowed || post.Header().Get("Allow") == "" {
		t.Errorf("POST: %d %v", post.Code, post.Header())
	}
}
