package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// forwarding is a server with a clock, whose loops run, and a real VictoriaMetrics.
type forwarding struct {
	*testing.T
	*server
	clock    atomic.Pointer[time.Time]
	victoria *victoria.Server
	public   http.Handler
}

func newForwarding(t *testing.T, flags ...string) *forwarding {
	t.Helper()
	v, err := victoria.Start(t.Context(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Kill)
	f := &forwarding{T: t, victoria: v}
	f.at(readmeTime)
	now := func() time.Time { return *f.clock.Load() }
	flags = append([]string{allProducts, "--forward-url=" + v.URL + "/api/v1/import/prometheus"}, flags...)
	f.server = newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), now, flags...)
	f.public = f.server.public()
	ctx, stop := context.WithCancel(context.Background())
	var loops sync.WaitGroup
	f.start(ctx, &loops)
	t.Cleanup(func() {
		stop()
		loops.Wait()
		if err := f.close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *forwarding) at(now time.Time) { f.clock.Store(&now) }

func (f *forwarding) post(path, agent, body string) {
	f.Helper()
	req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	req.Header.Set("User-Agent", agent)
	answer := httptest.NewRecorder()
	if f.public.ServeHTTP(answer, req); answer.Code != http.StatusOK {
		f.Fatalf("%s: %d %s", path, answer.Code, answer.Body)
	}
}

// series returns what VictoriaMetrics has of a product: each sample by its series without the
// instance's id, which must be one that tells nobody.
func (f *forwarding) series(product string) map[string]string {
	f.Helper()
	if err := f.victoria.Flush(f.Context()); err != nil {
		f.Fatal(err)
	}
	match := url.QueryEscape(`{__name__=~"` + product + `_.*"}`)
	resp, err := http.Get(f.victoria.URL + "/api/v1/export?match[]=" + match)
	if err != nil {
		f.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		f.Fatal(err)
	}
	all := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		var e struct {
			Metric     map[string]string
			Values     []float64
			Timestamps []int64
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			f.Fatal(err)
		}
		var labels []rollup.Label
		for _, name := range slices.Sorted(maps.Keys(e.Metric)) {
			switch value := e.Metric[name]; {
			case name == "instance" && len(value) == 32:
				labels = append(labels, rollup.Label{Name: name, Value: "*"})
			case name != "__name__":
				labels = append(labels, rollup.Label{Name: name, Value: value})
			}
		}
		all[string(rollup.NewSeries(e.Metric["__name__"], labels))] = fmt.Sprint(e.Values, e.Timestamps)
	}
	return all
}

// Each product's samples come to its own receiver, and one that is down keeps back no other's.
// Of sessions only what a day has in all is sent, when it is over, and once.
func TestForwardingOfProducts(t *testing.T) {
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer down.Close()
	f := newForwarding(t, "--forward-url-coroot="+down.URL)
	f.post("/ce/usage-statistics", "Go", repotest.Read(t, "product/coroot/testdata/coroot.json"))
	f.post("/report-usage-stats/push", "Synapse/1.157.1", repotest.Read(t, "product/synapse/testdata/synapse.json"))
	session := repotest.Read(t, "product/kubeatlas/testdata/kubeatlas.json")
	for _, nonce := range []string{"9f86d081884c7d659a2feaa0c55ad015", "9F86D081884C7D659A2FEAA0C55AD015", "00000000000000000000000000000001"} {
		f.post("/v1/report/", "Go", strings.ReplaceAll(session, "9f86d081884c7d659a2feaa0c55ad015", nonce))
	}
	eventually(t, "synapse's samples are there", func() bool { return len(f.series("synapse")) > 20 })
	got := f.series("synapse")
	want := fmt.Sprintf("[31] [%d]", readmeTime.UnixMilli())
	if got[`synapse_monthly_active_users{instance="*"}`] != want || got[`synapse_server{instance="*",server="synapse",version="1.157"}`] == "" {
		t.Errorf("of synapse there is %v", got)
	}
	if oldest := f.store.QueueOf("coroot").Oldest(); oldest.IsZero() || len(f.series("coroot")) > 0 {
		t.Errorf("coroot's oldest is of %s, and VictoriaMetrics has %v", oldest, f.series("coroot"))
	}
	days := &totals{store: f.store, product: "kubeatlas", now: f.now, log: f.log}
	round := func(at time.Time) {
		f.at(at)
		if err := days.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	midnight := readmeTime.Truncate(24 * time.Hour).Add(24 * time.Hour)
	round(midnight.Add(totalsGrace - 1))
	if !f.store.QueueOf("kubeatlas").Oldest().IsZero() || len(f.series("kubeatlas")) > 0 {
		t.Errorf("before the day is over there is %v", f.series("kubeatlas"))
	}
	round(midnight.Add(totalsGrace))
	eventually(t, "kubeatlas' totals are there", func() bool { return len(f.series("kubeatlas")) > 5 })
	sum := func(n int) string { return fmt.Sprintf("[%d] [%d]", n, midnight.Add(-24*time.Hour).UnixMilli()) }
	wantTotals := map[string]string{
		"kubeatlas_sessions": sum(2), "kubeatlas_clusters": sum(4), `kubeatlas_packs{pack="argocd"}`: sum(2),
		`kubeatlas_packs{pack="cert-manager"}`: sum(2), `kubeatlas_packs{pack="other"}`: sum(2), `kubeatlas_version{version="1.5.0"}`: sum(2),
		`kubeatlas_kubernetes{version="1.31"}`: sum(2), `kubeatlas_platform{arch="amd64",os="linux"}`: sum(2), `kubeatlas_tier{tier="postgres"}`: sum(2),
		`kubeatlas_resources{bucket="<1K"}`: sum(2),
	}
	if got := f.series("kubeatlas"); !maps.Equal(got, wantTotals) {
		t.Errorf("of kubeatlas there is %v, want %v", got, wantTotals)
	}
	for _, again := range []time.Time{midnight.Add(time.Hour), midnight.Add(48 * time.Hour)} {
		round(again)
		if !f.store.QueueOf("kubeatlas").Oldest().IsZero() {
			t.Errorf("at %s something is queued again", again)
		}
	}
}

// An empty URL of a product forwards nothing of it.
func TestForwardURLOfProductIsEmpty(t *testing.T) {
	s := newServerOfAll(t, "--forward-url=http://127.0.0.1:9/", "--forward-url-synapse=")
	for path, body := range map[string]string{
		"/report-usage-stats/push": repotest.Read(t, "product/synapse/testdata/synapse.json"),
		"/ce/usage-statistics":     repotest.Read(t, "product/coroot/testdata/coroot.json"),
	} {
		answer := httptest.NewRecorder()
		if s.public().ServeHTTP(answer, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))); answer.Code != http.StatusOK {
			t.Fatal(answer.Code)
		}
	}
	if !s.store.QueueOf("synapse").Oldest().IsZero() || s.store.QueueOf("coroot").Oldest().IsZero() {
		t.Error("not coroot's alone is queued")
	}
	if on := slices.Sorted(maps.Keys(s.forwarders())); !slices.Equal(on, []string{"coroot", "cozystack", "kubeatlas"}) {
		t.Errorf("forwarders of %q", on)
	}
}
