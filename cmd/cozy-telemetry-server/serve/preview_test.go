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
	var loops sync.WaitGroup
	for product, forwarder := range s.forwarders() {
		loops.Go(func() { forwarder.Run(ctx, s.logOf(product)) })
	}
	eventually(t, "all is forwarded", func() bool { return s.store.Queue().Blocks == 0 })
	stop()
	loops.Wait()
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
