package site_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/site"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// nobodyCounts is a census that can't be taken.
type nobodyCounts struct{}

func (nobodyCounts) Breakdown(context.Context, rollup.MonthID) (*published.Breakdown, error) {
	return nil, overview.ErrUnavailable
}

func (nobodyCounts) Adoption(context.Context) (*published.Adoption, error) {
	return nil, overview.ErrUnavailable
}

func (nobodyCounts) Retention(context.Context) (*published.Retention, error) {
	return nil, overview.ErrUnavailable
}

func (nobodyCounts) Forget() {}

// world is a site upon a real file.
type world struct {
	*testing.T
	now   time.Time
	store *store.Store
	site  *site.Site
	echo  *echo.Echo
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return worldOf(t, overview.Config{}, nobodyCounts{})
}

// worldOf is a world whose overview is told more, and with a census.
func worldOf(t *testing.T, cfg overview.Config, census site.Census) *world {
	t.Helper()
	w := &world{T: t, now: time.Date(2026, time.April, 10, 12, 0, 0, 0, time.UTC), echo: echo.New()}
	var err error
	w.store, err = store.Open(filepath.Join(t.TempDir(), "telemetry.db"), store.Options{})
	w.must(err)
	now := func() time.Time { return w.now }
	apps := appsource.New(appsource.Config{Now: now, Store: w.store})
	cfg.Now = now
	o, err := overview.New(w.store, apps, cfg)
	w.must(err)
	w.site, err = site.New(o, census, site.Config{
		Now: now, Products: []string{rollup.Cozystack}, ConfirmDays: 7, LastReport: w.store.LastReport,
		EmbedOrigins: []string{"https://cozystack.io", "http://127.0.0.1:1313"},
	})
	w.must(err)
	t.Cleanup(func() {
		w.site.Close()
		o.Close()
		w.must(w.store.Close())
	})
	w.site.Register(w.echo)
	return w
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// report records a report of a cluster with three nodes.
func (w *world) report(cluster string, at time.Time) {
	w.Helper()
	w.must(w.store.Record(w.Context(), rollup.Report{
		Product: rollup.Cozystack, Instance: cluster, Received: at,
		Samples: []rollup.Sample{{Series: rollup.Series(`cozy_nodes_count{kernel="6.12.1",os="linux (Talos)"}`), Value: 3}},
	}, nil))
}

func (w *world) do(method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(w.Context(), method, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	return rec
}

// Who goes away before the months are known makes no page for those who come after.
func TestWhoLeavesMakesNoPage(t *testing.T) {
	w := newWorld(t)
	w.report("a", w.now)
	w.report("b", w.now.AddDate(0, -1, 0))
	left, leave := context.WithCancel(w.Context())
	leave()
	const march = "/?month=2026-03"
	w.echo.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(left, http.MethodGet, march, nil))
	if page := w.do(http.MethodGet, march); page.Code != http.StatusOK || !strings.Contains(page.Body.String(), `href="/" rel="next"`) {
		t.Errorf("%d: the page does not lead to April", page.Code)
	}
}

// A browser that opens what is not there gets a page, and a program what the API says.
func TestRefusalsForBrowsers(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		method, path, accept string
		page                 bool
	}{
		{http.MethodGet, "/nothing", "text/html,*/*;q=0.8", true},
		{http.MethodHead, "/nothing", "text/html,*/*;q=0.8", true},
		{http.MethodGet, "/nothing", "*/*", false},
		{http.MethodGet, "/nothing", "", false},
		{http.MethodPost, "/nothing", "text/html", false},
		{http.MethodGet, "/api/nothing", "text/html", false},
	} {
		r := httptest.NewRequest(tt.method, tt.path, nil)
		r.Header.Set("Accept", tt.accept)
		rec := httptest.NewRecorder()
		w.site.Refuse(rec, r, http.StatusServiceUnavailable, "too many connections, try again later")
		h := rec.Header()
		want := httpanswer.JSON
		if tt.page {
			want = httpanswer.HTML
		}
		if rec.Code != http.StatusServiceUnavailable || h.Get("Content-Type") != want || h.Get("Retry-After") != "30" || tt.page && (h.Get("Content-Security-Policy") != site.Policy(nil) || h.Get("Vary") != "Accept") {
			t.Errorf("%+v: %d %v", tt, rec.Code, h)
		}
		if tt.page != strings.Contains(rec.Body.String(), "<h1>The server is busy</h1>\n<p>Too many connections, try again later.</p>") && tt.method != http.MethodHead {
			t.Errorf("%+v: %s", tt, rec.Body)
		}
	}
}

func TestPageIsServed(t *testing.T) {
	w := newWorld(t)
	w.report("a", w.now)
	w.report("b", w.now)
	page := w.do(http.MethodGet, "/")
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), `<data value="6">6</data>`) {
		t.Fatalf("%d: %s", page.Code, page.Body)
	}
	etag := page.Header().Get("ETag")
	if etag == "" || page.Header().Get("Cache-Control") != "public, max-age=60" || page.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("headers %v", page.Header())
	}
	if again := w.do(http.MethodGet, "/", "If-None-Match", etag); again.Code != http.StatusNotModified || again.Body.Len() != 0 {
		t.Errorf("who has it gets %d with %d bytes", again.Code, again.Body.Len())
	}
	if zipped := w.do(http.MethodGet, "/", "Accept-Encoding", "br, gzip"); zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Body.Len() >= page.Body.Len()/2 {
		t.Errorf("gzip makes %d of %d bytes", zipped.Body.Len(), page.Body.Len())
	}
	if head := w.do(http.MethodHead, "/"); head.Code != http.StatusOK || head.Body.Len() != 0 || head.Header().Get("ETag") != etag {
		t.Errorf("HEAD: %d, %d bytes, %v", head.Code, head.Body.Len(), head.Header())
	}
	if other := w.do(http.MethodDelete, "/"); other.Code != http.StatusMethodNotAllowed {
		t.Errorf("DELETE: %d", other.Code)
	}
}

// The policy forbids whatever a page does not need, and frames but to the sites that are named.
func TestPagesHaveAPolicy(t *testing.T) {
	w := newWorld(t)
	w.report("a", w.now)
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors %s; require-trusted-types-for 'script'"
	for target, ancestors := range map[string]string{
		"/": "'none'", "/?month=2020-01": "'none'", "/?month=x": "'none'",
		"/embed": "https://cozystack.io http://127.0.0.1:1313", "/embed?period=x": "https://cozystack.io http://127.0.0.1:1313",
	} {
		if got := w.do(http.MethodGet, target).Header().Get("Content-Security-Policy"); got != fmt.Sprintf(policy, ancestors) {
			t.Errorf("%s: %s", target, got)
		}
	}
	if got := site.Policy(nil); got != fmt.Sprintf(policy, "'none'") {
		t.Errorf("nobody: %s", got)
	}
}

func TestPageSaysWhatToDo(t *testing.T) {
	w := newWorld(t)
	w.report("a", w.now)
	for target, want := range map[string]struct {
		status int
		text   string
	}{
		"/?month=2026-05":                  {http.StatusBadRequest, "Month is in the future"},
		"/?month=april":                    {http.StatusBadRequest, "such as 2026-03"},
		"/?month=%3Cscript%3E":             {http.StatusBadRequest, "such as 2026-03"},
		"/?period=week":                    {http.StatusBadRequest, "month, quarter or year"},
		"/?publish=all":                    {http.StatusBadRequest, "Invalid publish parameter"},
		"/?product=teapot":                 {http.StatusBadRequest, "Invalid product parameter"},
		"/?month=2026-02":                  {http.StatusNotFound, `href="/?month=2026-04`},
		"/embed?month=2026-02":             {http.StatusNotFound, "There are figures from April 2026 on."},
		"/?month=2026-04&period=quarter":   {http.StatusOK, "February 2026"},
		"/?publish=confirmed&period=month": {http.StatusOK, "Cozystack in April 2026"},
	} {
		rec := w.do(http.MethodGet, target)
		if rec.Code != want.status || !strings.Contains(rec.Body.String(), want.text) || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d, without %q", target, rec.Code, want.text)
		}
		if want.status != http.StatusOK && rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be kept: %v", target, rec.Header())
		}
	}
	w.must(w.store.Close())
	w.now = w.now.Add(2 * time.Second)
	if rec := w.do(http.MethodGet, "/?period=year&month=2026-03"); rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || !strings.Contains(rec.Body.String(), `<a href="/?period=year&amp;month=2026-03">Try again</a>`) {
		t.Errorf("without a file: %d, %v", rec.Code, rec.Header())
	}
}

func TestEmptyServerSaysWhatToSend(t *testing.T) {
	w := newWorld(t)
	rec := w.do(http.MethodGet, "/")
	if rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "curl http://example.com/ \\\n  -H &#39;X-Cluster-ID:") {
		t.Errorf("%d: %s", rec.Code, rec.Body)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "x';reboot;'"
	strange := httptest.NewRecorder()
	w.echo.ServeHTTP(strange, r)
	if strings.Contains(strange.Body.String(), "reboot") {
		t.Error("a command is made of a strange Host")
	}
}

// On the first of a month, before any report, the page shows the month before.
func TestPageBeginsWithTheNewestMonth(t *testing.T) {
	w := newWorld(t)
	w.report("a", w.now)
	w.now = time.Date(2026, time.May, 1, 0, 0, 1, 0, time.UTC)
	if rec := w.do(http.MethodGet, "/"); !strings.Contains(rec.Body.String(), "<h1>Cozystack in April 2026</h1>") {
		t.Errorf("%d: %s", rec.Code, rec.Body)
	}
}

// VictoriaMetrics is down when a month begins, and no cluster has reported in it yet: nobody knows
// whether there is anything of it. The months before are known all the same.
func TestMonthThatNobodyKnows(t *testing.T) {
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	w := worldOf(t, overview.Config{VMSelectURL: down.URL}, nobodyCounts{})
	w.report("a", w.now)
	w.now = time.Date(2026, time.May, 1, 0, 0, 1, 0, time.UTC)
	for target, want := range map[string]string{
		"/":            "<h1>Cozystack in April 2026</h1>",
		"/api/history": `"months":[`,
	} {
		if rec := w.do(http.MethodGet, target); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), want) {
			t.Errorf("%s: %d: %s", target, rec.Code, rec.Body)
		}
	}
	for _, target := range []string{"/?month=2026-05", "/api/overview.csv?year=2026&month=5", "/api/history?from=2026-05"} {
		if rec := w.do(http.MethodGet, target); rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d: %s", target, rec.Code, rec.Body)
		}
	}
}

func TestOldDataIsLoud(t *testing.T) {
	w := newWorld(t)
	w.report("a", w.now)
	const loud = `class="notice loud"`
	w.now = w.now.Add(47 * time.Hour)
	if rec := w.do(http.MethodGet, "/"); strings.Contains(rec.Body.String(), loud) {
		t.Error("loud before two days")
	}
	w.now = w.now.Add(2 * time.Hour)
	for _, target := range []string{"/", "/embed"} {
		if rec := w.do(http.MethodGet, target); !strings.Contains(rec.Body.String(), loud) {
			t.Errorf("%s is silent after two days", target)
		}
	}
}

func TestAssetsAreKeptForEver(t *testing.T) {
	w := newWorld(t)
	w.report("a", w.now)
	page := w.do(http.MethodGet, "/").Body.String()
	types := map[string]string{"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml"}
	found := regexp.MustCompile(`"(/assets/[a-z]+\.[0-9a-f]{10}\.([a-z]+))"`).FindAllStringSubmatch(page, -1)
	if len(found) != len(types) {
		t.Fatalf("the page asks for %v", found)
	}
	for _, f := range found {
		rec := w.do(http.MethodGet, f[1], "Accept-Encoding", "gzip")
		h := rec.Header()
		if rec.Code != http.StatusOK || h.Get("Content-Type") != types[f[2]] || h.Get("Content-Encoding") != "gzip" ||
			h.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s: %d, %v", f[1], rec.Code, h)
		}
		if rec := w.do(http.MethodGet, f[1], "If-None-Match", h.Get("ETag")); rec.Code != http.StatusNotModified {
			t.Errorf("%s again: %d", f[1], rec.Code)
		}
		if rec := w.do(http.MethodPost, f[1]); rec.Code != http.StatusMethodNotAllowed || rec.Header().Get("Allow") == "" {
			t.Errorf("POST %s: %d", f[1], rec.Code)
		}
	}
	for _, missing := range []string{"/assets/", "/assets/style.css", "/assets/style.0000000000.css", "/assets/../page.go"} {
		if rec := w.do(http.MethodGet, missing); rec.Code != http.StatusNotFound {
			t.Errorf("%s: %d", missing, rec.Code)
		}
	}
}

// What nobody knows of makes no answer of its own, and no page is made for it.
func TestUnknownParametersAreNoQuestion(t *testing.T) {
	w := newWorld(t)
	w.report("a", w.now)
	for _, path := range []string{"/?", "/embed?", "/api/history?", "/api/breakdown.csv?year=2026&month=4", "/api/dataset?month=2026-04"} {
		plain := w.do(http.MethodGet, path)
		for _, junk := range []string{"&x=1", "&x=2&utm_source=cozystack", "&Month=2020-01", "&x=1;month=1", "&aggregate=distinct"} {
			if got := w.do(http.MethodGet, path+junk, "If-None-Match", `"x", W/`); got.Code != plain.Code || got.Header().Get("ETag") != plain.Header().Get("ETag") || got.Body.String() != plain.Body.String() {
				t.Errorf("%s%s: %d", path, junk, got.Code)
			}
		}
	}
	if n := w.site.Kept(); n != 1 {
		t.Errorf("%d publications are kept of one month", n)
	}
}
