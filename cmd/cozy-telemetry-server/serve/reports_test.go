package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var allProducts = "--products=" + strings.Join(products.Names(), ",")

// newServerOfAll returns a server that takes the reports of all products.
func newServerOfAll(t *testing.T, flags ...string) *server {
	t.Helper()
	s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime }, append(flags, allProducts)...)
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fixture is a report as a client sends it.
type fixture struct {
	name, body, agent string
	// refused is what the answer says, "" if the report is taken.
	refused  string
	nameless bool
}

// fixturesOf returns the variations of a product's reports, as package product has them.
func fixturesOf(t testing.TB, p product.Product) (all []fixture) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repotest.Root, "product", p.Name, "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no fixtures: %v", p.Name, err)
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		want, wantErr := os.ReadFile(strings.TrimSuffix(file, "json") + "want")
		if err := errors.Join(err, wantErr); err != nil {
			t.Fatal(err)
		}
		f := fixture{name: p.Name + "/" + filepath.Base(file), body: string(body)}
		for line := range strings.Lines(string(want)) {
			key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			switch value = strings.TrimSpace(value); key {
			case "User-Agent":
				f.agent = value
			case "refused":
				f.refused = value
			case "from":
				f.nameless = value == ""
			}
		}
		all = append(all, f)
	}
	return all
}

// request is a fixture on its way. No client but Dendrite leaves the Content-Type out; it
// does not matter to any.
func (f fixture) request(t testing.TB, method, url string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(f.body))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(f.agent, "Dendrite") {
		req.Header.Set("Content-Type", "application/json")
	}
	if f.agent != "" {
		req.Header.Set("User-Agent", f.agent)
	}
	return req
}

// Every variation of every product's reports is answered as its clients like it, by each
// method of each route, with a slash behind it and without. What is taken is in the file
// with its count, and a fault is named.
func TestFixturesOfProducts(t *testing.T) {
	s := newServerOfAll(t, "--limits=off")
	public := httptest.NewServer(s.public())
	defer public.Close()
	for _, p := range products.All() {
		var taken int64
		for _, f := range fixturesOf(t, p) {
			for _, route := range p.Routes {
				for _, method := range route.Methods {
					for _, path := range []string{route.Path, route.Path + "/"} {
						s.checkFixture(t, f, f.request(t, method, public.URL+path))
						if f.refused == "" {
							taken++
						}
					}
				}
			}
		}
		if n, err := s.store.Reports(p.Name, rollup.MonthOf(readmeTime)); n != taken || err != nil {
			t.Errorf("%s: %d reports are counted of %d, %v", p.Name, n, taken, err)
		}
		instances := 0
		err := s.store.InstancesOf(t.Context(), p.Name, rollup.DateOf(readmeTime), func(id string, _ rollup.Day) error {
			if instances++; len(id) != 32 {
				t.Errorf("%s: an instance is %q", p.Name, id)
			}
			return nil
		})
		if instances == 0 || err != nil {
			t.Errorf("%s: %d instances, %v", p.Name, instances, err)
		}
	}
}

func (s *server) checkFixture(t *testing.T, f fixture, req *http.Request) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	want, status := "{}", http.StatusOK
	if f.refused != "" {
		quoted, err := json.Marshal(map[string]string{"error": f.refused})
		if err != nil {
			t.Fatal(err)
		}
		want, status = string(quoted)+"\n", http.StatusBadRequest
	}
	if string(text) != want || resp.StatusCode != status || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("%s %s %s: %d %s %q, want %d %q", f.name, req.Method, req.URL.Path, resp.StatusCode, resp.Header.Get("Content-Type"), text, status, want)
	}
}

// A product that is off says so, and what no client sends is refused as elsewhere.
func TestRoutesOfProducts(t *testing.T) {
	s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime }, "--products=synapse")
	defer s.close()
	const pushTo = "/report-usage-stats/push"
	for _, tt := range []struct {
		method, path string
		status       int
		text         string
	}{
		{"POST", "/", 404, "this server does not take reports of cozystack; it takes those of synapse"},
		{"POST", "/v1/report", 404, "this server does not take reports of kubeatlas; it takes those of synapse"},
		{"POST", "/ce/usage-statistics/", 404, "this server does not take reports of coroot; it takes those of synapse"},
		{"GET", pushTo, 405, "Method Not Allowed"},
		{"DELETE", pushTo + "/", 405, "Method Not Allowed"},
		{"POST", pushTo + "//", 404, "Not Found"},
		{"POST", pushTo, 400, "the body is no JSON object"},
	} {
		answer := httptest.NewRecorder()
		s.public().ServeHTTP(answer, httptest.NewRequest(tt.method, tt.path, nil))
		if answer.Code != tt.status || !strings.Contains(answer.Body.String(), tt.text) {
			t.Errorf("%s %s: %d %s", tt.method, tt.path, answer.Code, answer.Body)
		}
		if tt.status == 405 && !strings.Contains(answer.Header().Get("Allow"), "PUT") {
			t.Errorf("%s %s: Allow is %q", tt.method, tt.path, answer.Header().Get("Allow"))
		}
	}
}

// No log line of a product's reports is without its name, and what was refused is a warning:
// their clients do not send it again.
func TestRefusalsOfProductsAreLoud(t *testing.T) {
	s := newServerOfAll(t)
	var log bytes.Buffer
	s.log = zerolog.New(&log)
	post := func() int {
		answer := httptest.NewRecorder()
		s.public().ServeHTTP(answer, httptest.NewRequest("POST", "/ce/usage-statistics", strings.NewReader(`{"instance":{"uuid":""}}`)))
		return answer.Code
	}
	if status := post(); status != http.StatusOK {
		t.Fatal(status)
	}
	if err := s.store.Close(); err != nil { // as a file that can't be written
		t.Fatal(err)
	}
	if status := post(); status != http.StatusServiceUnavailable {
		t.Fatal(status)
	}
	s.onReport(ingest.Result{Product: "synapse", Status: 400, Reason: ingest.BadField, Err: errors.New("x")})
	s.refusals.tell(s.log)
	for _, want := range []string{
		`{"level":"warn","product":"coroot","store":1,"message":"reports were refused and are lost`,
		`{"level":"warn","product":"synapse","field":1,"message":"reports were refused and are lost`,
		`{"level":"error","product":"coroot","error":`, `"message":"a report was not stored and is lost: its client does not send it again"`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in\n%s", want, log.String())
		}
	}
	metrics := httptest.NewRecorder()
	s.metrics.handler().ServeHTTP(metrics, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		`reports_nameless_total{product="coroot"} 1`, `reports_refused_total{product="coroot",reason="store"} 1`,
		`reports_refused_total{product="synapse",reason="field"} 1`, `reports_total{code="200",product="coroot"} 1`,
	} {
		if !strings.Contains(metrics.Body.String(), "cozy_telemetry_"+want+"\n") {
			t.Errorf("%s is no metric", want)
		}
	}
}

// Names are in the file only where the operator has asked for them.
func TestKeepNames(t *testing.T) {
	for _, keep := range []bool{false, true} {
		s := newServerOfAll(t, fmt.Sprintf("--synapse-keep-names=%t", keep))
		answer := httptest.NewRecorder()
		body := `{"homeserver":"Matrix.Example.org","total_users":1}`
		if s.public().ServeHTTP(answer, httptest.NewRequest("PUT", "/report-usage-stats/push", strings.NewReader(body))); answer.Code != 200 {
			t.Fatal(answer.Code)
		}
		var series []rollup.Series
		err := s.store.InstancesOf(t.Context(), "synapse", rollup.DateOf(readmeTime), func(_ string, d rollup.Day) error {
			for _, p := range d.Points {
				series = append(series, p.Series)
			}
			return nil
		})
		if kept := slices.Contains(series, `synapse_names{homeserver="Matrix.Example.org"}`); err != nil || kept != keep {
			t.Errorf("keep %t: %q, %v", keep, series, err)
		}
	}
}
