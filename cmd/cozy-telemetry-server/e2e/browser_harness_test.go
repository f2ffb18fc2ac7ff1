package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wrongs are pages that each do one thing that ours must not, with what the witness says.
var wrongs = []struct{ name, policy, body, complaint string }{
	{"nothing", "default-src 'none'; img-src data:", `<h1>Fine</h1>`, ""},
	{"a message on the console", "", `<script>console.log("x")</script>`, `console.log: ["x"]`},
	{"an exception", "", `<script>throw new Error("x")</script>`, "exception: Uncaught Error: x"},
	{"a promise that fails", "", `<script>Promise.reject(new Error("x"))</script>`, "exception: Uncaught (in promise) Error: x"},
	{"what is not there", "", `<img src="/missing" alt="">`, "status of 404"},
	{"another server", "", `<img src="http://127.0.0.1:9/" alt="">`, "http://127.0.0.1:9/ is of another server"},
	{"another machine", "", `<link rel="preconnect" href="http://example.com"><img src="http://example.com/x" alt="">`, "http://example.com/x is of another server"},
	{"an inline style", "default-src 'none'", `<p style="color:red">x</p>`, "policy: style-src-attr violated"},
	{"an inline script", "default-src 'none'", `<script>1</script>`, "policy: script-src-elem violated"},
	{"text as HTML", "require-trusted-types-for 'script'", `<script>document.title.innerHTML = ""; document.documentElement.innerHTML = "x"</script>`, "policy: require-trusted-types-for violated"},
}

// The witness complains of each thing that a page of ours must not do, and of nothing else.
func TestBrowserSeesWhatIsWrong(t *testing.T) {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", wrongs[i].policy)
		_, _ = w.Write([]byte(`<!doctype html><html lang="en"><head><title>x</title><link rel="icon" href="data:,"></head><body>` + wrongs[i].body))
	}))
	defer site.Close()
	page := startBrowser(t).open(t, site.URL)
	for i, wrong := range wrongs {
		page.visit(fmt.Sprintf("%s/%d", site.URL, i))
		got := page.complaints()
		if found := strings.Contains(strings.Join(got, "\n"), wrong.complaint); !found || wrong.complaint == "" && len(got) > 0 {
			t.Errorf("%s: the witness says %q, want %q", wrong.name, got, wrong.complaint)
		}
	}
}

// What the tests rely on: the features that a tab pretends reach the page, its keys too, and
// axe-core finds what is wrong even under the strictest policy.
func TestBrowserPretends(t *testing.T) {
	const body = `<!doctype html><html lang="en"><title>x</title><meta name="viewport" content="width=device-width"><body>
<main><h1>A page</h1><a href="/next" id="first">next</a> <a href="/" id="second">here</a><noscript><p id="off">off</p></noscript>
<img src="/x.png"></main>`
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; require-trusted-types-for 'script'")
		_, _ = w.Write([]byte(body))
	}))
	defer site.Close()
	page := startBrowser(t).open(t, site.URL)
	for _, feature := range [][2]string{{"prefers-color-scheme", "dark"}, {"forced-colors", "active"}, {"prefers-reduced-motion", "reduce"}} {
		page.as("print", feature[:]...)
		page.visit(site.URL + "/")
		for _, query := range []string{"print", "(" + feature[0] + ": " + feature[1] + ")"} {
			if !eval[bool](page, "matchMedia('"+query+"').matches") {
				t.Errorf("the page is not in %s", query)
			}
		}
	}
	page.as("")
	page.size(360, 640)
	if width := eval[int](page, "innerWidth"); width != 360 {
		t.Errorf("the page is %d pixels wide", width)
	}
	page.press("\t\t")
	if id := eval[string](page, "document.activeElement.id"); id != "second" {
		t.Errorf("the focus is at %q", id)
	}
	page.click("#first")
	if path := eval[string](page, "location.pathname"); path != "/next" {
		t.Errorf("the link led to %s", path)
	}
	if found := page.axe().Violations; !slices.ContainsFunc(found, func(f finding) bool { return f.ID == "image-alt" }) {
		t.Errorf("axe found %v", found)
	}
	if complaints := page.complaints(); !strings.Contains(strings.Join(complaints, "\n"), "policy: img-src violated") {
		t.Errorf("the witness says %q", complaints)
	}
	page.scripts(false)
	page.visit(site.URL + "/")
	if shown := eval[bool](page, `document.getElementById("off") !== null`); !shown {
		t.Error("there are scripts")
	}
	_ = page.complaints()
}
