package overview

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/promapi"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// backend answers on one of the two paths as VictoriaMetrics does: the other one
// is unknown to it.
type backend struct {
	fakeVM *fakeVM
	path   atomic.Pointer[string]
	// refusal is the status for other paths, wrong how often it was given.
	refusal int
	wrong   atomic.Int64
}

func (b *backend) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.Path, *b.path.Load()+"/") {
		return b.fakeVM.RoundTrip(r)
	}
	b.wrong.Add(1)
	return &http.Response{StatusCode: b.refusal, Request: r, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader("unsupported path requested"))}, nil
}

// A cluster and a single node may take each other's place while the server runs.
func TestPathFollowsTheServer(t *testing.T) {
	single, cluster, neither := promapi.SingleNodePath, promapi.ClusterPath, "/elsewhere"
	id := monthID(t, "2026-03")
	for _, refusal := range []int{http.StatusBadRequest, http.StatusNotFound} {
		b := &backend{fakeVM: newFakeVM(), refusal: refusal}
		b.fakeVM.knows(id, 5)
		r := newRig(t, "2026-05-01T00:00:00Z", Config{VMSelectURL: "http://vmselect:8481", Transport: b})
		for _, path := range []*string{&neither, &single, &neither, &cluster, &neither, &cluster, &single} {
			b.path.Store(path)
			hear := func() error {
				r.heard.clear()
				_, err := r.hear(t.Context(), window{id, id}, everything, r.exclusions())
				return err
			}
			if err := hear(); (err == nil) != (path != &neither) {
				t.Fatalf("%s: %v", *path, err)
			}
			if path == &neither {
				continue
			}
			before := b.wrong.Load()
			if err := hear(); err != nil || b.wrong.Load() != before {
				t.Errorf("%s: %v, tried %d times on the other path", *path, err, b.wrong.Load()-before)
			}
		}
	}
}

// What average can answer, distinct can: final months of the original server,
// while vmselect is down. Browsers do not keep it for long.
func TestDistinctOfImportsWithoutVMSelect(t *testing.T) {
	vm := newFakeVM()
	vm.set(errDown)
	r := newRig(t, "2026-04-20T12:00:00Z", vm.config())
	for month, clusters := range map[string]int64{"2026-01": 7, "2026-02": 9, "2026-03": 8} {
		r.store.put(t, month, rollup.Snapshot{Clusters: clusters, Source: rollup.SourceImported, Apps: map[string]int64{"redis": 2}})
	}
	for _, a := range []Aggregate{Average, Distinct} {
		got, err := r.Answer(t.Context(), monthID(t, "2026-03"), a, Seen)
		if err != nil {
			t.Fatalf("%s: %v", a, err)
		}
		want := map[Aggregate]int64{Average: 8, Distinct: 9}[a]
		q := decode(t, got.Body).Periods.Quarter
		if q.Clusters != want || q.Months != 3 || a == Distinct && (q.Complete || q.UniqueClusters != nil || got.Settled) {
			t.Errorf("%s: settled %t, %+v", a, got.Settled, q)
		}
	}
	vm.set(nil)
	vm.knowsOf(lastMonths(monthID(t, "2026-03"), 3), 11)
	r.clock.add(rollupsTTL)
	if q := r.ask(t, "2026-03", Distinct).Periods.Quarter; q.Clusters != 11 {
		t.Errorf("vmselect is back: %+v", q)
	}
}
