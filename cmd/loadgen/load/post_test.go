package load

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
)

// counter is a server that keeps which reports it has accepted.
type counter struct {
	t *testing.T
	// refuse tells whether to answer a request, by its number, with 503.
	refuse func(n int) bool

	mu       sync.Mutex
	requests int
	accepted map[string]int // cluster id and body
}

func newCounter(t *testing.T, refuse func(n int) bool) (*counter, string) {
	c := &counter{t: t, refuse: refuse, accepted: make(map[string]int)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return c, server.URL
}

func never(int) bool { return false }

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		zip, err := gzip.NewReader(r.Body)
		if err != nil {
			c.t.Error(err)
			return
		}
		in = zip
	}
	body, err := io.ReadAll(in)
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/" || r.Header.Get("Content-Type") != "text/plain" {
		c.t.Errorf("%s %s, %v, error %v", r.Method, r.URL, r.Header, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	if c.refuse(c.requests) {
		http.Error(w, `{"error":"busy"}`, http.StatusServiceUnavailable)
		return
	}
	c.accepted[r.Header.Get("X-Cluster-ID")+"\n"+string(body)]++
}

// truth counts what was accepted, as all that a fleet can send that looks the
// same. The turns of clusters that are dead go to steps beyond the planned ones.
func (c *counter) truth(cfg fleet.Config, planned int) fleet.Figures {
	var truth fleet.Truth
	cfg.Steps = planned
	f := fleet.New(cfg)
	for i := range f.Len() {
		cluster := f.Cluster(i)
		for step := range 2*planned + 2 {
			for client := range fleet.Clients {
				body := cluster.Report(nil, client, step)
				if cluster.Sends(client, step) && c.accepted[cluster.ID()+"\n"+string(body)] > 0 {
					truth.Add(&cluster, client, step, 0)
				}
			}
		}
	}
	return truth.Figures("2026-03")
}

// postTime is when tests begin to post. Time goes on from there, as a clock's
// does.
var postTime = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)

func clock() func() time.Time {
	begin := time.Now()
	return func() time.Time { return postTime.Add(time.Since(begin)) }
}

func TestPostCountsWhatWasAccepted(t *testing.T) {
	lively := fleet.Config{Seed: 3, Clusters: 50, UpgradeShare: 0.5, BirthShare: 0.3, DeathShare: 0.3}
	full := lively
	full.Full = true
	tests := []struct {
		name     string
		o        PostOptions
		refuse   func(n int) bool
		requests int
		planned  int // steps
	}{
		{"two each", PostOptions{Fleet: lively}, never, 100, 1},
		{"many steps", PostOptions{Fleet: full, Count: 1950, Conns: 4}, never, 1950, 20},
		{"gzip", PostOptions{Fleet: full, Count: 300, Gzip: true}, never, 300, 3},
		{"ordinary", PostOptions{Fleet: full, Count: 300, Ordinary: true}, never, 300, 3},
		{"ordinary and gzip", PostOptions{Fleet: full, Count: 300, Ordinary: true, Gzip: true}, never, 300, 3},
		{"some refused", PostOptions{Fleet: lively, Count: 500}, func(n int) bool { return n%3 == 0 }, 500, 5},
		{"rate", PostOptions{Fleet: lively, Rate: 200, Duration: 100 * time.Millisecond, Conns: 2}, never, 20, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, url := newCounter(t, tt.refuse)
			tt.o.URL, tt.o.Now = url, clock()
			r, err := Post(t.Context(), tt.o)
			if err != nil || r.Errors > 0 {
				t.Fatalf("error %v, result %+v", err, r)
			}
			if r.Requests != tt.requests || server.requests != tt.requests {
				t.Errorf("%d requests sent, %d seen, want %d", r.Requests, server.requests, tt.requests)
			}
			refused := 0
			for n := range tt.requests {
				if tt.refuse(n + 1) {
					refused++
				}
			}
			if r.Codes[200] != tt.requests-refused || r.Codes[503] != refused || r.OK() != (refused == 0) {
				t.Errorf("answers %v, OK %v", r.Codes, r.OK())
			}
			want := server.truth(tt.o.Fleet, tt.planned)
			if fmt.Sprint(r.Truth) != fmt.Sprint(want) {
				t.Errorf("truth:\n got %v\nwant %v", r.Truth, want)
			}
			if r.P50 <= 0 || r.P50 > r.P99 || r.P99 > r.Max || r.Max > r.Elapsed {
				t.Errorf("latencies %v %v %v %v of %v", r.P50, r.P90, r.P99, r.Max, r.Elapsed)
			}
			if tt.o.Rate > 0 && r.Elapsed < 95*time.Millisecond {
				t.Errorf("sent within %v", r.Elapsed)
			}
		})
	}
}

// Two posts send what one would have sent.
func TestPostGoesOn(t *testing.T) {
	cfg := fleet.Config{Seed: 3, Clusters: 20, Full: true}
	post := func(counts ...int) map[string]int {
		server, url := newCounter(t, never)
		sent := 0
		for _, count := range counts {
			r, err := Post(t.Context(), PostOptions{URL: url, Fleet: cfg, Count: count, Skip: sent, Conns: 3, Now: clock()})
			if err != nil || !r.OK() {
				t.Fatalf("error %v, result %+v", err, r)
			}
			sent += count
		}
		return server.accepted
	}
	once, twice := post(950), post(33, 917)
	if !maps.Equal(once, twice) || len(once) < 60 {
		t.Errorf("%d reports at once, %d in two turns", len(once), len(twice))
	}
	first := fleet.New(cfg).Cluster(0)
	if post(1)[first.ID()+"\n"+string(first.Report(nil, fleet.Operator, 0))] == 0 {
		t.Error("the fleet's first report is not the first")
	}
}

func TestPostWithoutServer(t *testing.T) {
	o := PostOptions{URL: "http://127.0.0.1:1", Now: clock()}
	o.Fleet.Clusters = 5
	r, err := Post(t.Context(), o)
	if err != nil || r.Requests != 10 || r.Errors != 10 || r.FirstError == nil || r.OK() {
		t.Errorf("error %v, result %+v", err, r)
	}
	if r.Truth.Clusters != 0 {
		t.Errorf("truth %v", r.Truth)
	}
}

func TestPostIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, url := newCounter(t, func(n int) bool {
		if n == 20 {
			cancel()
		}
		return false
	})
	o := PostOptions{URL: url, Conns: 2, Count: 100000, Now: clock()}
	o.Fleet.Clusters = 10
	r, err := Post(ctx, o)
	if !errors.Is(err, context.Canceled) || r.Requests < 18 || r.Requests > 30 || r.Errors > 0 {
		t.Errorf("error %v, result %+v", err, r)
	}
}

func TestPostRefusesOptions(t *testing.T) {
	for name, o := range map[string]PostOptions{
		"no clusters":           {},
		"negative count":        {Count: -1, Fleet: fleet.Config{Clusters: 1}},
		"negative skip":         {Skip: -1, Fleet: fleet.Config{Clusters: 1}},
		"rate without duration": {Rate: 1, Fleet: fleet.Config{Clusters: 1}},
		"duration without rate": {Duration: 1, Fleet: fleet.Config{Clusters: 1}},
		"rate and count":        {Rate: 1, Duration: 1, Count: 1, Fleet: fleet.Config{Clusters: 1}},
	} {
		o.URL, o.Now = "http://127.0.0.1:1", clock()
		if _, err := Post(t.Context(), o); !errors.Is(err, ErrOptions) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestResultPrints(t *testing.T) {
	r := Result{
		Requests: 10, Elapsed: 2 * time.Second, P50: time.Millisecond, P90: 2 * time.Millisecond,
		P99: 3 * time.Millisecond, Max: 4567891, Codes: map[int]int{503: 2, 200: 7}, Errors: 1, FirstError: errStale,
	}
	want := `requests  10 in 2.00 s, 5/s
latency   p50 1ms  p90 2ms  p99 3ms  max 4.57ms
answers   200: 7 503: 2
errors    1, such as: load: connection ended without an answer
`
	var b strings.Builder
	if n, err := r.WriteTo(&b); b.String() != want || int(n) != len(want) || err != nil {
		t.Errorf("got %q, want %q, %d bytes, error %v", b.String(), want, n, err)
	}
}
