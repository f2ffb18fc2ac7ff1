package serve

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// No answer has the id that a name gets, so nobody can ask for the id of a name, or find a
// name by trying. It is the same for any two.
func TestPreviewTellsNoID(t *testing.T) {
	s := newServerOfAll(t)
	public := s.public()
	for _, p := range products.All() {
		for _, f := range fixturesOf(t, p) {
			if f.refused != "" || f.nameless {
				continue
			}
			preview := f.to(t, public, "/api/preview?product="+p.Name).Body.String()
			if answer := f.to(t, public, p.Routes[0].Path); answer.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", f.name, answer.Code, answer.Body)
			}
			err := s.store.InstancesOf(t.Context(), p.Name, rollup.DateOf(readmeTime), func(id string, _ rollup.Day) error {
				if strings.Contains(preview, id) {
					t.Errorf("%s: the preview has the id %s:\n%s", f.name, id, preview)
				}
				return nil
			})
			if err != nil || !strings.Contains(preview, `"instance":"00000000000000000000000000000000"`) {
				t.Errorf("%s: %v, %s", f.name, err, preview)
			}
		}
	}
}

// What a preview is held to are the limits of reports, in the same words; beside them there
// is one of previews alone.
func TestPreviewHoldsTheLimits(t *testing.T) {
	flags := []string{"--max-body-bytes=2000", "--max-samples=3", "--max-labels=2", "--max-label-bytes=40", "--max-nodes=5", "--max-tenants=5", "--max-apps=5"}
	s := newServerOfAll(t, append(flags, "--id-burst=30")...)
	public := s.public()
	for name, body := range map[string]string{
		"too long":       "# " + strings.Repeat("x", 2000),
		"samples":        "cozy_a 1\ncozy_b 1\ncozy_c 1\ncozy_d 1\n",
		"labels":         `cozy_a{a="1",b="2",c="3"} 1`,
		"a long label":   `cozy_a{a="` + strings.Repeat("x", 41) + `"} 1`,
		"nodes":          "cozy_nodes_count 6\n",
		"tenants":        "cozy_tenants_count 6\n",
		"applications":   `cozy_application_count{kind="Redis"} 6`,
		"a bad line":     "cozy_a 1\noops\n",
		"a bad value":    "cozy_a -1\n",
		"an unknown one": "cozy_a NaN\n",
	} {
		f := fixture{name: name, body: body}
		preview, report := f.to(t, public, "/api/preview"), f.to(t, public, "/")
		if preview.Code != report.Code || preview.Body.String() != report.Body.String() || report.Code < 400 {
			t.Errorf("%s: the preview says %d %s, the report %d %s", name, preview.Code, preview.Body, report.Code, report.Body)
		}
	}
	f := fixture{name: "one more", body: "cozy_a 1\n"}
	var last *httptest.ResponseRecorder
	for range 31 {
		last = f.to(t, public, "/api/preview")
	}
	if last.Code != http.StatusTooManyRequests || last.Header().Get("Retry-After") != "15" || !strings.Contains(last.Body.String(), "too many previews") {
		t.Errorf("previews without end: %d %v %s", last.Code, last.Header(), last.Body)
	}
	if answer := f.to(t, public, "/"); answer.Code != http.StatusOK {
		t.Errorf("a report after too many previews: %d %s", answer.Code, answer.Body)
	}
}

// A preview needs no id, and refuses a bad one; a product that is off has none.
func TestPreviewOfWhom(t *testing.T) {
	s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime })
	defer s.close()
	for _, tt := range []struct {
		method, path, id string
		status           int
		text             string
	}{
		{"POST", "/api/preview", "", 200, `"instance":"00000000-0000-0000-0000-000000000000"`},
		{"POST", "/api/preview", "mine", 200, `"instance":"mine"`},
		{"POST", "/api/preview?product=cozystack", "mine", 200, `"note":"this server forwards nothing of this product"`},
		{"POST", "/api/preview", `m"ine`, 400, "X-Cluster-ID must be 1 to 253"},
		{"POST", "/api/preview?product=synapse", "mine", 404, "it takes those of cozystack"},
		{"POST", "/api/preview?product=x", "mine", 404, "it takes those of cozystack"},
		{"GET", "/api/preview", "mine", 405, "Method Not Allowed"},
	} {
		req := httptest.NewRequest(tt.method, tt.path, strings.NewReader("cozy_a 1\nup 1\nup 2\n"))
		if tt.id != "" {
			req.Header.Set("X-Cluster-ID", tt.id)
		}
		answer := httptest.NewRecorder()
		s.public().ServeHTTP(answer, req)
		if answer.Code != tt.status || !strings.Contains(answer.Body.String(), tt.text) || answer.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s %s of %q: %d %v %s", tt.method, tt.path, tt.id, answer.Code, answer.Header(), answer.Body)
		}
		if tt.status == 200 && !strings.Contains(answer.Body.String(), `"dropped":[{"what":"up","times":2,"why":"is not among the metrics that are kept"}]`) {
			t.Errorf("%s of %q drops something else: %s", tt.path, tt.id, answer.Body)
		}
	}
}
