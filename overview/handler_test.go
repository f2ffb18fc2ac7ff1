package overview

import (
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var update = flag.Bool("update", false, "write the golden files")

// serve sends one request through echo, as the server has it.
func (r *rig) serve(method, target string, headers ...string) *httptest.ResponseRecorder {
	e := echo.New()
	NewHandler(r.Overview).Register(e)
	req := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, req)
	return rec
}

// example is an Overview that holds the example of the original's README.
func example(t testing.TB) *rig {
	t.Helper()
	r := newRig(t, "2026-04-10T00:00:00Z", Config{})
	confirmed := int64(40)
	r.store.put(t, "2026-03", rollup.Snapshot{Clusters: 42, TotalNodes: 210, TotalTenants: 84, DaysWithData: 31,
		CollectedAt: instant(t, "2026-04-01T07:01:00Z"), Source: rollup.SourceVictoriaMetrics, ConfirmedClusters: &confirmed,
		Kinds: map[string]int64{"Postgres": 120, "Redis": 85, "kubernetes": 30, "<script>": 1},
		Confirmed: &rollup.Confirmed{Clusters: 40, TotalNodes: 190, TotalTenants: 78, DaysWithData: 30,
			Kinds: map[string]int64{"Postgres": 110, "Redis": 80}}})
	return r
}

func TestGolden(t *testing.T) {
	got := example(t).serve("GET", "/api/overview?year=2026&month=03").Body.Bytes()
	file := filepath.Join("testdata", "overview.json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHandlerErrors(t *testing.T) {
	const (
		required  = "year and month query parameters are required"
		badYear   = "invalid year parameter"
		badMonth  = "invalid month parameter"
		future    = "month is in the future"
		badAgg    = "invalid aggregate parameter"
		badPub    = "invalid publish parameter"
		noData    = "no telemetry data for 2026-02"
		available = "no telemetry data available"
	)
	r := newRig(t, "2026-04-10T00:00:00Z", Config{}, clusters("2026-03", 1)...)
	down := newFakeVM()
	down.fail = errors.New("dial tcp 10.0.0.1:8481: secret")
	log := &lockedLog{}
	cfg := down.config()
	cfg.Logger = zerolog.New(log)
	failing := newRig(t, "2026-04-10T00:00:00Z", cfg)
	for _, tc := range []struct {
		rig    *rig
		query  string
		status int
		want   string
	}{
		{r, "", 400, required},
		{r, "year=2026", 400, required},
		{r, "month=3", 400, required},
		{r, "year=&month=", 400, required},
		{r, "year=x&month=", 400, required},
		{r, "year=x&month=y&aggregate=z", 400, badYear},
		{r, "year=2023&month=1", 400, badYear},
		{r, "year=2101&month=1", 400, badYear},
		{r, "year=%2B2026&month=3", 400, badYear},
		{r, "year=-2026&month=3", 400, badYear},
		{r, "year=2026.0&month=3", 400, badYear},
		{r, "year=2_026&month=3", 400, badYear},
		{r, "year=0x7ea&month=3", 400, badYear},
		{r, "year=99999999999999999999&month=3", 400, badYear},
		{r, "year=2026&month=0", 400, badMonth},
		{r, "year=2026&month=13", 400, badMonth},
		{r, "year=2026&month=003", 400, badMonth},
		{r, "year=2026&month=%203", 400, badMonth},
		{r, "year=2026&month=March&aggregate=z", 400, badMonth},
		{r, "year=2026&month=5&aggregate=z", 400, future},
		{r, "year=2100&month=12", 400, future},
		{r, "year=2026&month=3&aggregate=median", 400, badAgg},
		{r, "year=2026&month=3&aggregate=Average", 400, badAgg},
		{r, "year=2026&month=3&publish=peak", 400, badPub},
		{r, "year=2026&month=3&aggregate=distinct&publish=Seen", 400, badPub},
		{r, "year=2026&month=3&publish=confirmed", 200, ""},
		{r, "year=2026&month=2", 404, noData},
		{r, "year=2026&month=3", 200, ""},
		{r, "year=2026&month=03&aggregate=distinct", 200, ""},
		{r, "year=2026&month=04", 404, "no telemetry data for 2026-04"},
		{failing, "year=2026&month=3", 503, available},
		{failing, "year=2026&month=5", 400, future},
	} {
		got := tc.rig.serve("GET", "/api/overview?"+tc.query)
		if got.Code != tc.status {
			t.Errorf("%s: status %d", tc.query, got.Code)
		}
		if want := `{"error":"` + tc.want + `"}` + "\n"; tc.want != "" && got.Body.String() != want {
			t.Errorf("%s: %q, not %q", tc.query, got.Body, want)
		}
		if got.Header().Get("Access-Control-Allow-Origin") != "*" || got.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", tc.query, got.Header())
		}
		if (got.Header().Get("Retry-After") != "") != (tc.status == 503) {
			t.Errorf("%s: Retry-After %q", tc.query, got.Header().Get("Retry-After"))
		}
	}
	if !strings.Contains(log.String(), "can't be answered") || !strings.Contains(log.String(), "secret") {
		t.Errorf("the cause is not logged: %s", log)
	}
	if n := down.times(monthID(t, "2026-05")); n != 0 {
		t.Error("vmselect was asked for the future")
	}
}

func TestHandlerMethods(t *testing.T) {
	r := example(t)
	const good = "/api/overview?year=2026&month=3"
	for method, want := range map[string]int{
		"GET": 200, "HEAD": 200, "OPTIONS": 204, "POST": 405, "PUT": 405, "DELETE": 405, "PATCH": 405, "TRACE": 405, "BREW": 405,
	} {
		got := r.serve(method, good)
		if got.Code != want || got.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", method, got.Code, got.Header())
		}
		if (got.Header().Get("Allow") == "GET, HEAD, OPTIONS") != (want > 200) {
			t.Errorf("%s: Allow %q", method, got.Header().Get("Allow"))
		}
	}
	get, head := r.serve("GET", good), r.serve("HEAD", good)
	if head.Body.Len() != 0 || head.Header().Get("Content-Length") != get.Header().Get("Content-Length") ||
		head.Header().Get("ETag") != get.Header().Get("ETag") {
		t.Errorf("HEAD: %v, %d bytes", head.Header(), head.Body.Len())
	}
}

func TestHandlerETag(t *testing.T) {
	r := example(t)
	r.store.put(t, "2026-02", rollup.Snapshot{Clusters: 1, Source: rollup.SourceRollups})
	const good = "/api/overview?year=2026&month=3"
	etag := r.serve("GET", good).Header().Get("ETag")
	if !strings.HasPrefix(etag, `W/"`) {
		t.Fatalf("ETag %q", etag)
	}
	for header, want := range map[string]int{
		etag: 304, strings.TrimPrefix(etag, "W/"): 304, "*": 304, `"x", ` + etag + ` , "y"`: 304,
		`"x"`: 200, `W/"x"`: 200, "": 200,
	} {
		got := r.serve("GET", good, "If-None-Match", header)
		if got.Code != want || (want == 304) != (got.Body.Len() == 0) {
			t.Errorf("%q: %d, %d bytes", header, got.Code, got.Body.Len())
		}
		for _, name := range []string{"ETag", "Cache-Control", "Vary", "Access-Control-Allow-Origin"} {
			if got.Header().Get(name) == "" {
				t.Errorf("%q: no %s", header, name)
			}
		}
	}
	if other := r.serve("GET", "/api/overview?year=2026&month=2").Header().Get("ETag"); other == etag {
		t.Error("another answer, the same ETag")
	}
}

func TestHandlerGzip(t *testing.T) {
	r := example(t)
	const good = "/api/overview?year=2026&month=3"
	plain := r.serve("GET", good).Body.Bytes()
	for header, want := range map[string]bool{
		"gzip": true, "br, gzip;q=0.5": true, "GZIP": true, "*": true, "gzip; q=1.0": true, "identity, *;q=0.1": true,
		"": false, "br": false, "gzip;q=0": false, "gzip;q=0.0, *": false, "*;q=0": false, "gzipped": false, "gzip;q=x": false,
	} {
		got := r.serve("GET", good, "Accept-Encoding", header)
		body := got.Body.Bytes()
		if (got.Header().Get("Content-Encoding") == "gzip") != want || got.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("%q: %v", header, got.Header())
			continue
		}
		if want {
			z, err := gzip.NewReader(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, plain) {
			t.Errorf("%q: %s", header, body)
		}
	}
}

func TestHandlerCacheControl(t *testing.T) {
	vm := newFakeVM()
	vm.fail = errDown
	unasked := newRig(t, "2026-04-10T00:00:00Z", vm.config(), clusters("2026-03", 1)...)
	stored := newRig(t, "2026-04-10T00:00:00Z", newFakeVM().config())
	stored.store.put(t, "2026-03", rollup.Snapshot{Clusters: 1, Source: rollup.SourceRollups})
	r := newRig(t, "2026-04-10T00:00:00Z", Config{}, append(clusters("2026-03", 1), clusters("2026-04", 1)...)...)
	for _, tc := range []struct {
		name, query, want string
		rig               *rig
	}{
		{"all months final", "year=2026&month=3", "public, max-age=3600", r},
		{"running", "year=2026&month=4", "public, max-age=60", r},
		{"vmselect not heard", "year=2026&month=3", "public, max-age=60", unasked},
		{"vmselect to be asked again", "year=2026&month=3", "public, max-age=60", stored},
		{"no data", "year=2026&month=2", "no-store", r},
	} {
		if got := tc.rig.serve("GET", "/api/overview?"+tc.query).Header().Get("Cache-Control"); got != tc.want {
			t.Errorf("%s: %q", tc.name, got)
		}
	}
}

// The flag's aggregate is used where the request names none.
func TestHandlerAggregate(t *testing.T) {
	lines := append(clusters("2026-03", 1), clusters("2026-02", 3)...)
	for flag, want := range map[Aggregate]string{Average: `"clusters":2,`, Distinct: `"clusters":3,`} {
		r := newRig(t, "2026-04-10T00:00:00Z", Config{Aggregate: flag}, lines...)
		for query, want := range map[string]string{"": want, "&aggregate=average": `"clusters":2,`, "&aggregate=distinct": `"clusters":3,`} {
			body := r.serve("GET", "/api/overview?year=2026&month=3"+query).Body.String()
			if _, quarter, _ := strings.Cut(body, `"quarter"`); !strings.Contains(quarter, want) {
				t.Errorf("flag %s, query %q: %s", flag, query, body)
			}
		}
	}
}

// The parameter goes before the flag, and the answer says which of the two it has.
func TestHandlerPublish(t *testing.T) {
	lines := append(everyDay("a", 1, "cozy_cluster_info 1", "cozy_nodes_count 4"), attack("b", "2026-03-10T00:00:00Z"))
	const seen, confirmed = `"total_nodes":10000004,`, `"total_nodes":4,`
	for flag, want := range map[Publish]string{Seen: seen, Confirmed: confirmed} {
		r := newRig(t, "2026-04-10T00:00:00Z", Config{Publish: flag}, lines...)
		for query, want := range map[string]string{"": want, "&publish=seen": seen, "&publish=confirmed": confirmed} {
			body := r.serve("GET", "/api/overview?year=2026&month=3"+query).Body.String()
			month, _, _ := strings.Cut(body, `"quarter"`)
			own, beside, _ := strings.Cut(month, `"confirmed":`)
			says := `"published":"seen"`
			if want == confirmed {
				says = `"published":"confirmed"`
			}
			if !strings.Contains(own, want) || !strings.Contains(beside, confirmed) || !strings.Contains(beside, says) {
				t.Errorf("flag %s, query %q: %s", flag, query, month)
			}
		}
	}
}

// nullWriter is a client that reads and forgets.
type nullWriter struct{ header http.Header }

func (w *nullWriter) Header() http.Header         { return w.header }
func (w *nullWriter) Write(p []byte) (int, error) { return len(p), nil }
func (w *nullWriter) WriteHeader(int)             {}

func BenchmarkCachedAnswer(b *testing.B) {
	e := echo.New()
	NewHandler(example(b).Overview).Register(e)
	for _, encoding := range []string{"identity", "gzip"} {
		b.Run(encoding, func(b *testing.B) {
			req := httptest.NewRequest("GET", "/api/overview?year=2026&month=3", nil)
			req.Header.Set("Accept-Encoding", encoding)
			w := &nullWriter{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				e.ServeHTTP(w, req)
			}
		})
	}
}
