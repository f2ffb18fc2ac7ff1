package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/forward"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store"
)

// readmeTime is when the README's example was made.
var readmeTime = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)

// table returns the rows of the table of docs/reference.md with this head, without
// the quotes of code.
func table(t *testing.T, head string) [][]string {
	t.Helper()
	_, text, found := strings.Cut(readDoc(t, "docs/reference.md"), "\n"+head+"\n")
	if !found {
		t.Fatalf("docs/reference.md has no table %q", head)
	}
	var rows [][]string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "`", "")
		}
		rows = append(rows, cells)
	}
	return rows[1:] // behind the line of dashes
}

// The defaults may be spelled as a person would: 1h is 1h0m0s.
func TestDocumentedFlags(t *testing.T) {
	flags, documented := newFlags(), newFlags()
	var names []string
	for _, row := range table(t, "| Flag | Default | Meaning |") {
		name, value, usage := strings.TrimPrefix(row[0], "--"), row[1], row[2]
		names = append(names, name)
		flag := flags.Lookup(name)
		if flag == nil {
			t.Errorf("there is no flag --%s", name)
			continue
		}
		if err := documented.Set(name, value); err != nil || documented.Lookup(name).Value.String() != flag.DefValue {
			t.Errorf("--%s: the default is %q, not %q", name, flag.DefValue, value)
		}
		if usage != flag.Usage {
			t.Errorf("--%s:\ndocumented %q\nin --help  %q", name, usage, flag.Usage)
		}
	}
	var all []string
	flags.VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	if !slices.Equal(names, all) {
		t.Errorf("flags that are documented %q\nof the program            %q", names, all)
	}
}

func newFlags() *pflag.FlagSet {
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	bindFlags(f, &config{})
	return f
}

// metricRow is a line of the table of metrics.
type metricRow struct{ kind, labels, help string }

func TestDocumentedMetrics(t *testing.T) {
	s := newTestServer(t)
	documented := make(map[string]metricRow)
	for _, row := range table(t, "| Metric | Type | Labels | Meaning |") {
		documented[row[0]] = metricRow{row[1], row[2], row[3]}
	}
	registered := gatherOwn(t, s.metrics)
	for _, name := range slices.Sorted(maps.Keys(registered)) {
		if documented[name] != registered[name] {
			t.Errorf("%s:\ndocumented %q\nof the program %q", name, documented[name], registered[name])
		}
	}
	for name := range documented {
		if _, ok := registered[name]; !ok {
			t.Errorf("there is no metric %s", name)
		}
	}
}

// gatherOwn returns the server's own metrics. It gives every vector a series,
// for without one it is not gathered.
func gatherOwn(t *testing.T, m *metrics) map[string]metricRow {
	t.Helper()
	m.onReport(ingest.Result{Status: http.StatusOK})
	m.onCommit(store.Commit{})
	m.onForward(forward.Attempt{Outcome: forward.Delivered})
	families, err := m.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	own := make(map[string]metricRow)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), namespace+"_") {
			continue
		}
		var labels []string
		for _, l := range f.Metric[0].Label {
			labels = append(labels, l.GetName())
		}
		own[f.GetName()] = metricRow{strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp()}
	}
	if n := countOwn(m.registry); n != len(own) {
		t.Errorf("%d metrics are registered, %d were gathered: one has no series yet", n, len(own))
	}
	return own
}

// countOwn counts the names of the server's own metrics, with or without a series.
func countOwn(r *prometheus.Registry) int {
	descs := make(chan *prometheus.Desc)
	go func() {
		r.Describe(descs)
		close(descs)
	}()
	names := make(map[string]bool)
	for d := range descs {
		if _, name, own := strings.Cut(d.String(), `fqName: "`+namespace+"_"); own {
			name, _, _ = strings.Cut(name, `"`)
			names[name] = true
		}
	}
	return len(names)
}

// newTestServer returns a server as the README starts it, at readmeTime. It
// listens nowhere and asks nobody.
func newTestServer(t *testing.T) *server {
	t.Helper()
	var cfg config
	f := pflag.NewFlagSet(name, pflag.ContinueOnError)
	bindFlags(f, &cfg)
	err := f.Parse([]string{
		"--forward-url=", "--vmselect-url=", "--apps-url=", "--snapshot-dir=",
		"--db-path=" + filepath.Join(t.TempDir(), "telemetry.db"),
	})
	if err != nil {
		t.Fatal(err)
	}
	env := environment{stderr: io.Discard, now: func() time.Time { return readmeTime }}
	s, err := newServer(cfg, env, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// TestReadmeExample sends what the README sends and gets what it shows: of the
// answer, which the golden file has whole, its first period to the byte.
func TestReadmeExample(t *testing.T) {
	public := httptest.NewServer(newTestServer(t).public())
	defer public.Close()
	for _, payload := range []string{"operator-v1.prom", "controller-v1.prom"} {
		body := strings.NewReader(readDoc(t, "testdata/"+payload))
		req, err := http.NewRequest(http.MethodPost, public.URL+"/", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Cluster-ID", "my-cluster")
		if status, text := do(t, req); status != http.StatusOK || text != "" {
			t.Fatalf("%s: %d %q", payload, status, text)
		}
	}
	req, err := http.NewRequest(http.MethodGet, public.URL+"/api/overview?year=2026&month=3", nil)
	if err != nil {
		t.Fatal(err)
	}
	status, text := do(t, req)
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(text), "", "  "); err != nil || status != http.StatusOK {
		t.Fatalf("%d %q: %v", status, text, err)
	}
	golden, err := os.ReadFile("testdata/readme-overview.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := indented.String(); got != string(golden) {
		t.Errorf("the answer is\n%s\nand not the golden file's\n%s", got, golden)
	}
	if shown := firstPeriod(t, text); !strings.Contains(readDoc(t, "README.md"), "\n```json\n"+shown+"\n```\n") {
		t.Errorf("README.md does not show\n%s", shown)
	}
}

// firstPeriod returns the month of an overview's answer, indented.
func firstPeriod(t *testing.T, answer string) string {
	t.Helper()
	var parsed struct{ Periods map[string]json.RawMessage }
	var indented bytes.Buffer
	if err := json.Unmarshal([]byte(answer), &parsed); err != nil {
		t.Fatal(err)
	}
	if err := json.Indent(&indented, parsed.Periods["month"], "", "  "); err != nil {
		t.Fatal(err)
	}
	return indented.String()
}

func do(t *testing.T, req *http.Request) (status int, text string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
