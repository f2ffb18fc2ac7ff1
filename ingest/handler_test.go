package ingest

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// memory is a Recorder that keeps what it is given.
type memory struct {
	mu      sync.Mutex
	reports []rollup.Report
	lines   []string
	known   bool
	err     error
}

func (m *memory) Record(_ context.Context, r rollup.Report, lines []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return m.err
	}
	r.Samples = slices.Clone(r.Samples)
	m.reports = append(m.reports, r)
	m.lines = append(m.lines, string(lines))
	return nil
}

func (m *memory) Known(string, string, time.Time) (bool, error) { return m.known, nil }

var noon = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)

// newServer serves a handler over recorder on a real port.
func newServer(t *testing.T, recorder Recorder, config Config) *httptest.Server {
	t.Helper()
	if config.Now == nil {
		config.Now = func() time.Time { return noon }
	}
	h, err := NewHandler(recorder, config)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", h)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// post sends a body with headers given as name, value, name, value ….
func post(t *testing.T, url, body string, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPost(t *testing.T) {
	const id = "X-Cluster-ID"
	good := "cozy_cluster_info 1\n"
	runPosts(t, map[string]postCase{
		"good":               {good, []string{id, "c1"}, 200, "", 1},
		"id twice, the same": {good, []string{id, "c1", id, "c1"}, 200, "", 1},
		"empty body":         {"", []string{id, "c1"}, 200, "", 0},
		"comments only":      {"# x\n", []string{id, "c1"}, 200, "", 0},
		"nothing allowed":    {"up 1\n", []string{id, "c1"}, 200, "", 0},
		"no id":              {good, nil, 400, "is missing", 0},
		"empty id":           {good, []string{id, ""}, 400, "is missing", 0},
		"odd id":             {good, []string{id, `c"1`}, 400, "must be 1 to 253", 0},
		"long id":            {good, []string{id, strings.Repeat("a", 254)}, 400, "must be 1 to 253", 0},
		"longest id":         {good, []string{id, strings.Repeat("a", 253)}, 200, "", 1},
		"two ids":            {good, []string{id, "c1", id, "c2"}, 400, "different", 0},
		"bad line":           {good + "oops\n", []string{id, "c1"}, 400, "line 2: ", 0},
	})
}

// postCase is a request, its answer, and how many reports are stored of it.
type postCase struct {
	body    string
	headers []string
	status  int
	text    string
	stored  int
}

// runPosts sends each request to a new handler that takes bodies of 4096 bytes.
func runPosts(t *testing.T, tests map[string]postCase) {
	t.Helper()
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			recorder := &memory{}
			server := newServer(t, recorder, Config{Lines: forward.AppendLines, Limits: Limits{BodyBytes: 4096}})
			resp, text := post(t, server.URL, tt.body, tt.headers...)
			if resp.StatusCode != tt.status || !strings.Contains(text, tt.text) {
				t.Errorf("got %d %q, want %d %q", resp.StatusCode, text, tt.status, tt.text)
			}
			if tt.status == 200 && text != "" {
				t.Errorf("a 200 has a body: %q", text)
			}
			if tt.status != 200 {
				checkError(t, resp, text)
			}
			if len(recorder.reports) != tt.stored {
				t.Errorf("%d reports stored, want %d", len(recorder.reports), tt.stored)
			}
		})
	}
}

// padded is a body of n bytes with one sample.
func padded(n int) string {
	const line = "cozy_cluster_info 1\n#"
	return line + strings.Repeat(" ", n-len(line))
}

func checkError(t *testing.T, resp *http.Response, text string) {
	t.Helper()
	if !strings.HasPrefix(text, `{"error":"`) || !strings.HasSuffix(text, "\"}\n") {
		t.Errorf("not an error object: %q", text)
	}
	if got := resp.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/json") {
		t.Errorf("Content-Type is %q", got)
	}
	if closed := resp.Close; closed != (resp.StatusCode == http.StatusRequestEntityTooLarge) {
		t.Errorf("connection closed: %v, at status %d", closed, resp.StatusCode)
	}
}

func TestOtherMethods(t *testing.T) {
	server := newServer(t, &memory{}, Config{})
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusMethodNotAllowed || !strings.Contains(resp.Header.Get("Allow"), "POST") {
		t.Errorf("got %d, Allow %q", resp.StatusCode, resp.Header.Get("Allow"))
	}
}

func TestStoreFails(t *testing.T) {
	recorder := &memory{err: errors.New("write /data/telemetry.db: no space left on device")}
	var result Result
	server := newServer(t, recorder, Config{OnResult: func(r Result) { result = r }})
	resp, text := post(t, server.URL, "cozy_a 1\n", "X-Cluster-ID", "c1")
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	if strings.Contains(text, "/data") || strings.Contains(text, "space") {
		t.Errorf("the answer tells of the inside: %q", text)
	}
	if !errors.Is(result.Err, recorder.err) {
		t.Errorf("the cause is lost: %v", result.Err)
	}
}

func TestReportCarriesTimeAndLines(t *testing.T) {
	recorder := &memory{}
	server := newServer(t, recorder, Config{Lines: forward.AppendLines})
	post(t, server.URL, "cozy_nodes_count 3\n", "X-Cluster-ID", "c1")
	want := rollup.Report{Product: "cozystack", Instance: "c1", Received: noon, Samples: []rollup.Sample{{Series: "cozy_nodes_count", Value: 3}}}
	if got := recorder.reports[0]; got.Instance != want.Instance || got.Product != want.Product || !got.Received.Equal(noon) || got.Samples[0] != want.Samples[0] {
		t.Errorf("got %+v", got)
	}
	if want := "cozy_nodes_count{cluster_id=\"c1\"} 3 1773576000000\ncozy_cluster_nodes{cluster_id=\"c1\"} 3 1773576000000\n"; recorder.lines[0] != want {
		t.Errorf("got %q", recorder.lines[0])
	}
}

func TestNoLinesWithoutForwarding(t *testing.T) {
	recorder := &memory{}
	server := newServer(t, recorder, Config{})
	post(t, server.URL, "cozy_nodes_count 3\n", "X-Cluster-ID", "c1")
	if recorder.lines[0] != "" {
		t.Errorf("queued %q", recorder.lines[0])
	}
}
