package serve

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/keys"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// cozystackFixtures are the reports of testdata, and one of all that is not kept.
func cozystackFixtures(t *testing.T) (all []fixture) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repotest.Root, "testdata", "*.prom"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	for _, file := range files {
		name := "testdata/" + filepath.Base(file)
		all = append(all, fixture{name: filepath.Base(file), body: repotest.Read(t, name)})
	}
	const odd = "up 1\nup{a=\"b\"} 2\ncozy_cluster_nodes 7\ncozy_a{cluster_id=\"x\",b=\"\\\"<\"} 0.5 1234\ncozy_a{b=\"\\\"<\"} 2\n"
	return append(all, fixture{name: "odd", body: odd}, fixture{name: "empty"}, fixture{name: "nothing kept", body: "up 1\n"})
}

// to sends a fixture as a report, or for a preview of it.
func (f fixture) to(t *testing.T, handler http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(f.body))
	req.Header.Set("User-Agent", f.agent)
	req.Header.Set("X-Cluster-ID", "my-cluster")
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, req)
	return answer
}

func (f fixture) preview(t *testing.T, handler http.Handler, product string) (p ingest.Preview) {
	t.Helper()
	answer := f.to(t, handler, "/api/preview?product="+product)
	if err := json.Unmarshal(answer.Body.Bytes(), &p); err != nil || answer.Code != http.StatusOK {
		t.Fatalf("%s: %d %s", f.name, answer.Code, answer.Body)
	}
	return p
}

// receiver is a sink of lines.
type receiver struct {
	mu    sync.Mutex
	lines strings.Builder
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	zip, err := gzip.NewReader(req.Body)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		_, err = io.Copy(&r.lines, zip)
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (r *receiver) got() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Split(strings.TrimSuffix(r.lines.String(), "\n"), "\n")
}

// Of every report of every product, what a preview says is what the file then has of the day,
// and what the receiver then gets, byte by byte. Where it would be refused, the preview is, and
// in the same words.
func TestPreviewIsWhatComesOfAReport(t *testing.T) {
	for _, f := range cozystackFixtures(t) {
		t.Run(f.name, func(t *testing.T) { checkPreview(t, f, rollup.Cozystack, "/", false) })
	}
	for _, p := range products.All() {
		for _, f := range fixturesOf(t, p) {
			t.Run(f.name, func(t *testing.T) { checkPreview(t, f, p.Name, p.Routes[0].Path, p.Sessions) })
		}
	}
}

func checkPreview(t *testing.T, f fixture, product, path string, sessions bool) {
	sink := &receiver{}
	at := httptest.NewServer(sink)
	defer at.Close()
	s := newServerOfAll(t, "--forward-url="+at.URL)
	public := s.public()
	if f.refused != "" {
		preview, report := f.to(t, public, "/api/preview?product="+product), f.to(t, public, path)
		if preview.Code != report.Code || preview.Body.String() != report.Body.String() || !strings.Contains(report.Body.String(), "error") {
			t.Errorf("the preview says %d %s, the report %d %s", preview.Code, preview.Body, report.Code, report.Body)
		}
		return
	}
	p := f.preview(t, public, product)
	if answer := f.to(t, public, path); answer.Code != http.StatusOK {
		t.Fatalf("%d %s", answer.Code, answer.Body)
	}
	id, day := s.onlyDay(t, product)
	if got := dayOf(p); !reflect.DeepEqual(got.Points, day.Points) || !reflect.DeepEqual(got.Sums, day.Sums) || got.First != day.First || got.Last != day.Last {
		t.Errorf("the preview says\n%+v\nthe file has\n%+v", got, day)
	}
	if product == rollup.Cozystack && id != "" && p.Instance != id || product != rollup.Cozystack && p.Instance == id && id != "" {
		t.Errorf("the preview says it is of %q, the file of %q", p.Instance, id)
	}
	if s.store.Queue().Blocks == 0 {
		if len(p.Forwarded) > 0 || p.Note == "" || id != "" && !sessions {
			t.Errorf("nothing is forwarded of %q; the preview says %q, %q", id, p.Forwarded, p.Note)
		}
		return
	}
	s.forwardAll(t)
	want := sink.got()
	for i, line := range p.Forwarded {
		p.Forwarded[i] = strings.Replace(line, `"`+p.Instance+`"`, `"`+id+`"`, 1)
	}
	if !slices.Equal(p.Forwarded, want) || p.Note != "" {
		t.Errorf("the preview says %q\n%s\nthe receiver gets\n%s", p.Note, strings.Join(p.Forwarded, "\n"), strings.Join(want, "\n"))
	}
}

// onlyDay returns the only record of a product; the id is empty without one.
func (s *server) onlyDay(t *testing.T, product string) (id string, day rollup.Day) {
	t.Helper()
	err := s.store.InstancesOf(t.Context(), product, rollup.DateOf(readmeTime), func(instance string, d rollup.Day) error {
		if id != "" {
			t.Errorf("%s has records of %s and %s", product, id, instance)
		}
		id, day = instance, d
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return id, day
}

// dayOf returns the day of a preview, without the slots, which months have.
func dayOf(p ingest.Preview) (d rollup.Day) {
	if p.Stored == nil {
		return d
	}
	d.First, d.Last = uint8(p.Stored.Hour), uint8(p.Stored.Hour)
	slots := map[string]rollup.Slotting{"day": rollup.ByDay, "hour": rollup.ByHour}
	for _, s := range p.Stored.Series {
		d.Points = append(d.Points, rollup.Point{Series: s.Series, Peak: s.Peak, Last: s.Last, Hour: d.Last, Slot: slots[s.Month]})
	}
	for _, s := range p.Stored.Sums {
		d.Sums = append(d.Sums, rollup.Sum{Metric: s.Metric, Peak: s.Peak})
	}
	return d
}

// forwardAll forwards what waits.
func (s *server) forwardAll(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	var loops errgroup.Group
	for product, forwarder := range s.forwarders() {
		loops.Go(func() error {
			forwarder.Run(ctx, s.logOf(product))
			return nil
		})
	}
	eventually(t, "all is forwarded", func() bool { return s.store.Queue().Blocks == 0 })
	stop()
	_ = loops.Wait() // none returns an error
}

// A hundred previews leave the file as it is, byte by byte, make no key, count as no report,
// and take nothing of what is kept for new clusters.
func TestPreviewsLeaveNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	s := newServerAt(t, path, func() time.Time { return readmeTime }, allProducts, "--id-burst=200", "--new-ids-burst=1", "--network-new-ids-burst=1", "--forward-url=http://127.0.0.1:1")
	defer s.close()
	public := s.public()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	metrics := s.metricsText(t)
	f := fixture{name: "a report", body: repotest.Read(t, "testdata/operator-v1.prom")}
	for range 100 {
		f.preview(t, public, rollup.Cozystack)
	}
	for _, p := range products.All() {
		for _, f := range fixturesOf(t, p) {
			f.to(t, public, "/api/preview?product="+p.Name)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file has changed, from %d bytes to %d, %v", len(before), len(after), err)
	}
	if _, err := os.Stat(keys.PathFor(path)); !os.IsNotExist(err) {
		t.Errorf("a key was made: %v", err)
	}
	if now := s.metricsText(t); now != metrics {
		t.Errorf("the metrics were\n%s\nand are\n%s", metrics, now)
	}
	if known, err := s.store.Known(rollup.Cozystack, "my-cluster", readmeTime); known || err != nil {
		t.Errorf("the cluster is known: %t, %v", known, err)
	}
	if answer := f.to(t, public, "/"); answer.Code != http.StatusOK {
		t.Errorf("the first report of a cluster: %d %s", answer.Code, answer.Body)
	}
}

// metricsText returns the server's metrics of reports, samples and the queue.
func (s *server) metricsText(t *testing.T) string {
	t.Helper()
	answer := httptest.NewRecorder()
	s.metrics.handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	var kept []string
	for line := range strings.Lines(answer.Body.String()) {
		for _, about := range []string{"reports", "samples", "queue", "commits", "nameless"} {
			if strings.HasPrefix(line, "cozy_telemetry_"+about) {
				kept = append(kept, line)
			}
		}
	}
	if len(kept) < 20 {
		t.Fatalf("only %d metrics were found", len(kept))
	}
	return strings.Join(kept, "")
}

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
