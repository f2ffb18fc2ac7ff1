package overview

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// vm is a running single-node VictoriaMetrics.
type vm struct{ *victoria.Server }

// startVictoria starts the real binary; the test fails without it.
func startVictoria(t testing.TB) vm {
	t.Helper()
	s, err := victoria.Start(t.Context(), t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return vm{s}
}

// load imports what reports would have forwarded, the derived series included
// unless plain is set.
func (v vm) load(t testing.TB, plain bool, lines ...line) {
	t.Helper()
	var b strings.Builder
	for _, l := range lines {
		r := l.report(t)
		for _, s := range r.Samples {
			id := fmt.Sprintf("{cluster_id=%q", l.instance)
			if labels := s.Series.LabelText(); labels != "" {
				id += "," + labels
			}
			fmt.Fprintf(&b, "%s%s} %v %d\n", s.Series.Metric(), id, s.Value, r.Received.UnixMilli())
		}
		for _, sum := range rollup.FromReport(r).Sums {
			if sum.Metric == rollup.MetricNodes && !plain {
				fmt.Fprintf(&b, "cozy_cluster_nodes{cluster_id=%q} %v %d\n", l.instance, sum.Peak, r.Received.UnixMilli())
			}
		}
	}
	resp, err := http.Post(v.URL+"/api/v1/import/prometheus", "text/plain", strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatal(resp.Status)
	}
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// thisYear returns a year whose months a test may import: VictoriaMetrics drops
// what lies too far in the past or in the future.
func thisYear() int { return time.Now().UTC().Year() - 1 }

func TestVictoriaMetrics(t *testing.T) {
	v := startVictoria(t)
	year := thisYear()
	day := func(month, day int, clock string) string {
		return fmt.Sprintf("%d-%02d-%02dT%sZ", year, month, day, clock)
	}
	month := func(m time.Month) rollup.MonthID { return rollup.NewMonth(year, m) }
	info := "cozy_cluster_info 1"
	var lines []line
	add := func(instance, at string, samples ...string) { lines = append(lines, line{instance, at, samples}) }
	// January ends and February begins, to the millisecond.
	add("jan-last", day(1, 31, "23:59:59.999"), info, "cozy_nodes_count 100")
	add("feb-first", day(2, 1, "00:00:00"), info, "cozy_nodes_count 1")
	add("feb-last", day(2, 28, "23:59:59.999"), info, "cozy_nodes_count 2")
	// March has a kernel upgrade, upgraded tenants, kinds of two clusters.
	add("mar-first", day(3, 1, "00:00:00"), info, "cozy_nodes_count 1000")
	add("up", day(3, 10, "10:00:00"), info, `cozy_nodes_count{kernel="1",os="linux"} 3`, "cozy_tenants_count 5")
	add("up", day(3, 10, "11:00:00"), info, `cozy_nodes_count{kernel="1",os="linux"} 1`, `cozy_nodes_count{kernel="2",os="linux"} 2`)
	add("up", day(3, 11, "10:00:00"), info, `cozy_nodes_count{kernel="2",os="linux"} 3`,
		`cozy_application_count{kind="Tenant"} 2`, `cozy_application_count{kind="Postgres"} 4`)
	add("other", day(3, 12, "10:00:00"), `cozy_application_count{kind="Postgres"} 1`, `cozy_application_count{kind="Tenant"} 6`)
	// Six days are too few, though the seventh midnight is touched from both sides;
	// seven are enough.
	for d := 1; d <= 6; d++ {
		add("six", day(4, d, "00:00:00"), info)
		add("six", day(4, d, "23:59:59.999"), info)
		add("seven", day(4, d, "12:00:00"), info)
	}
	add("seven", day(4, 30, "23:59:59.999"), info)
	add("may-first", day(5, 1, "00:00:00"), info)
	// May is the running month.
	for d := 2; d <= 7; d++ {
		add("fresh", day(5, d, "08:00:00"), info, "cozy_nodes_count 4")
	}
	add("fresh", day(5, 8, "08:00:00"), info, "cozy_nodes_count 5")
	v.load(t, false, lines...)

	now := instant(t, day(5, 8, "08:00:00"))
	later := instant(t, day(9, 1, "00:00:00"))
	for _, tc := range []struct {
		name string
		w    window
		now  time.Time
		want figures
	}{
		{"January", window{month(1), month(1)}, later, figures{known: true, clusters: 1, nodes: 100, days: 1}},
		{"February", window{month(2), month(2)}, later, figures{known: true, clusters: 2, nodes: 3, days: 2}},
		{"March", window{month(3), month(3)}, later, figures{known: true, clusters: 2, nodes: 1003, tenants: 11,
			kinds: map[string]int64{"Postgres": 5, "Tenant": 8}, days: 3}},
		{"April", window{month(4), month(4)}, later, figures{known: true, clusters: 2, confirmedClusters: 1, days: 7}},
		{"May, running", window{month(5), month(5)}, now, figures{known: true, clusters: 2, nodes: 5, confirmedClusters: 1, days: 8}},
		{"May, a day earlier", window{month(5), month(5)}, now.Add(-24 * time.Hour), figures{known: true, clusters: 2, nodes: 4, days: 7}},
		{"May, its first instant", window{month(5), month(5)}, month(5).Start(), figures{known: true, clusters: 1, days: 1}},
		{"June", window{month(6), month(6)}, later, figures{}},
		{"the quarter to May, running", lastMonths(month(5), 3), now, figures{known: true, clusters: 6, nodes: 1008, tenants: 11,
			kinds: map[string]int64{"Postgres": 5, "Tenant": 8}, confirmedClusters: 2, days: 18}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, tc.now.Format(time.RFC3339), Config{VMSelectURL: v.URL + "/prometheus"}, lines...)
			got := r.mustHear(t, tc.w, everything)
			if tc.want.kinds == nil {
				tc.want.kinds = map[string]int64{}
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got  %+v\nwant %+v", got, tc.want)
			}
			only := r.mustHear(t, tc.w, presence)
			if only.clusters != got.clusters || only.confirmed != got.confirmed {
				t.Errorf("presence alone: %+v", only)
			}
			if tc.now != later {
				return // the rollups of this test hold what came after now, too
			}
			own, err := r.fold(tc.w)
			own.monthClusters, own.confirmed = nil, nil // vmselect has neither
			if err != nil || !reflect.DeepEqual(own, got) {
				t.Errorf("the rollups say %+v, %v", own, err)
			}
		})
	}
}

func (r *rig) mustHear(t testing.TB, w window, s scope) figures {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	l, err := r.hear(ctx, w, s, r.exclusions())
	if err != nil {
		t.Fatal(err)
	}
	return l.value
}

// Months from before the derived series have only cozy_nodes_count.
func TestVictoriaMetricsWithoutDerivedSeries(t *testing.T) {
	v := startVictoria(t)
	at := func(d int) string { return fmt.Sprintf("%d-03-%02dT10:00:00Z", thisYear(), d) }
	v.load(t, true, line{"old", at(1), []string{"cozy_cluster_info 1", "cozy_nodes_count 3"}})
	v.load(t, false, line{"new", at(1), []string{"cozy_cluster_info 1", `cozy_nodes_count{kernel="1"} 2`, `cozy_nodes_count{kernel="2"} 2`}})
	m := rollup.NewMonth(thisYear(), 3)
	r := newRig(t, fmt.Sprintf("%d-06-01T00:00:00Z", thisYear()), Config{VMSelectURL: v.URL + "/prometheus"})
	if got := r.mustHear(t, window{m, m}, everything); got.nodes != 7 || got.clusters != 2 || !got.upperNodes {
		t.Errorf("%+v", got)
	}
}

// The count of nodes is exact only where each cluster that has nodes also has the
// derived series; only then it is kept beside the same count of the rollups.
func TestVictoriaMetricsExactNodes(t *testing.T) {
	v := startVictoria(t)
	at := func(m, d int) string { return fmt.Sprintf("%d-%02d-%02dT10:00:00Z", thisYear(), m, d) }
	upgrade := func(m int) []line {
		return []line{
			{"a", at(m, 1), []string{"cozy_cluster_info 1", `cozy_nodes_count{kernel="1"} 2`}},
			{"a", at(m, 2), []string{"cozy_cluster_info 1", `cozy_nodes_count{kernel="2"} 2`}},
			{"b", at(m, 2), []string{"cozy_cluster_info 1", "cozy_nodes_count 0"}},
		}
	}
	v.load(t, false, upgrade(3)...)
	v.load(t, true, upgrade(4)...)
	v.load(t, false, upgrade(5)[:2]...)
	v.load(t, true, upgrade(5)[2:]...)
	v.load(t, false, line{"c", at(6, 1), []string{"cozy_cluster_info 1"}})
	cfg := Config{VMSelectURL: v.URL + "/prometheus"}
	now := fmt.Sprintf("%d-09-01T00:00:00Z", thisYear())
	alone := newRig(t, now, cfg)
	both := newRig(t, now, cfg, slices.Concat(upgrade(3), upgrade(4), upgrade(5))...)
	for month, want := range map[time.Month]struct {
		nodes  int64
		upper  bool
		source rollup.Source // beside the rollups
	}{
		3: {2, false, rollup.SourceVictoriaMetrics},
		4: {4, true, rollup.SourceRollups},
		5: {2, true, rollup.SourceRollups}, // of a cluster without nodes, too
		6: {0, false, ""},
	} {
		m := rollup.NewMonth(thisYear(), month)
		if got := alone.mustHear(t, window{m, m}, everything); got.nodes != want.nodes || got.upperNodes != want.upper {
			t.Errorf("%s: %+v", m, got)
		}
		if want.source == "" {
			continue
		}
		if p := both.ask(t, m.String(), Average).Periods.Month; p.Source != want.source || p.TotalNodes != 2 {
			t.Errorf("%s, beside the rollups: %+v", m, p)
		}
		alone.ask(t, m.String(), Average)
		if s, _, err := alone.store.Snapshot(m); err != nil || s.ExactNodes == want.upper || !s.Final {
			t.Errorf("%s: %+v, %v", m, s, err)
		}
	}
}

// What is running today counts as a day, although the midnight that ends it lies
// in the future.
func TestVictoriaMetricsToday(t *testing.T) {
	v := startVictoria(t)
	now := time.Now().UTC().Truncate(time.Second)
	v.load(t, false, line{"a", now.Format(time.RFC3339), []string{"cozy_cluster_info 1"}})
	m := rollup.MonthOf(now)
	r := newRig(t, now.Format(time.RFC3339), Config{VMSelectURL: v.URL + "/prometheus", ConfirmDays: 1})
	if got := r.mustHear(t, window{m, m}, everything); got.clusters != 1 || got.confirmedClusters != 1 || got.days != 1 {
		t.Errorf("%+v", got)
	}
}

func TestVictoriaMetricsPaths(t *testing.T) {
	v := startVictoria(t)
	single, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	// The proxies use each connection once: a kept one may be closed under a request
	// when another is called off, and the proxy would cut its answer short.
	once := &http.Transport{DisableKeepAlives: true}
	// The cluster's vmselect knows only its own path.
	cluster := httptest.NewServer(&httputil.ReverseProxy{Transport: once, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(single)
		r.Out.URL.Path = strings.Replace(r.In.URL.Path, "/select/0/prometheus/", "/prometheus/", 1)
		if r.Out.URL.Path == r.In.URL.Path {
			r.Out.URL.Path = "/not/known"
		}
	}})
	defer cluster.Close()
	var refused atomic.Int64
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/select/") {
			refused.Add(1)
		}
		proxy := httputil.NewSingleHostReverseProxy(single)
		proxy.Transport = once
		proxy.ServeHTTP(w, req)
	}))
	defer counting.Close()
	at := fmt.Sprintf("%d-03-01T10:00:00Z", thisYear())
	v.load(t, false, line{"a", at, []string{"cozy_cluster_info 1"}})
	m := rollup.NewMonth(thisYear(), 3)
	for _, base := range []string{v.URL, v.URL + "/", v.URL + "/prometheus", v.URL + "/prometheus/", cluster.URL, counting.URL} {
		r := newRig(t, fmt.Sprintf("%d-06-01T00:00:00Z", thisYear()), Config{VMSelectURL: base})
		if got := r.mustHear(t, window{m, m}, everything); got.clusters != 1 {
			t.Errorf("%s: %+v", base, got)
		}
		before := refused.Load()
		r.mustHear(t, window{m, m + 1}, everything)
		if refused.Load() != before {
			t.Errorf("%s: the switch is forgotten", base)
		}
	}
	if refused.Load() == 0 {
		t.Error("the cluster's path was never tried")
	}
}

const oneCluster = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"1"]}]}}`

// vector with a value, as text.
func answering(value string) string { return strings.Replace(oneCluster, `"1"`, `"`+value+`"`, 1) }

// Whatever vmselect does, the rollups answer, in time, and nothing of it is
// stored.
func TestBadVMSelect(t *testing.T) {
	say := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	faults := map[string]http.HandlerFunc{
		"503":                   say(503, "down"),
		"429":                   say(429, "slow down"),
		"status error":          say(200, `{"status":"error","errorType":"x","error":"no"}`),
		"status error, 422":     say(422, `{"status":"error","errorType":"x","error":"no"}`),
		"unsupported path":      say(400, `unsupported path requested: "/x"`),
		"isPartial":             say(200, strings.Replace(oneCluster, `{`, `{"isPartial":true,`, 1)),
		"a warning":             say(200, strings.Replace(oneCluster, `{`, `{"warnings":["a store is down"],`, 1)),
		"HTML":                  say(200, "<html><body>login</body></html>"),
		"cut off":               say(200, oneCluster[:60]),
		"no body":               say(200, ""),
		"oversized":             say(200, oneCluster+strings.Repeat(" ", 1<<20)),
		"a scalar":              say(200, `{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}`),
		"a null series":         say(200, `{"status":"success","data":{"resultType":"vector","result":[null]}}`),
		"two series":            say(200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"1"},"value":[1,"1"]},{"metric":{"a":"2"},"value":[1,"1"]}]}}`),
		"NaN":                   say(200, answering("NaN")),
		"+Inf":                  say(200, answering("+Inf")),
		"-Inf":                  say(200, answering("-Inf")),
		"1e308":                 say(200, answering("1e308")),
		"above 2^53":            say(200, answering("9007199254740994")),
		"negative":              say(200, answering("-1")),
		"a redirect":            func(w http.ResponseWriter, _ *http.Request) { redirect(w, http.StatusFound) },
		"a lasting redirect":    func(w http.ResponseWriter, _ *http.Request) { redirect(w, http.StatusTemporaryRedirect) },
		"closes the connection": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"hangs":                 func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"hangs in the body": func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, oneCluster[:20])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		// Of the six queries of a month only one fails.
		"one query fails": func(w http.ResponseWriter, r *http.Request) {
			if _ = r.ParseForm(); strings.Contains(r.Form.Get("query"), "by (kind)") {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			_, _ = io.WriteString(w, answering("1000"))
		},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					_, _ = io.WriteString(w, answering("1000"))
					return
				}
				// The server notices a client that goes away once the body is read.
				_ = r.ParseForm()
				fault(w, r)
			}))
			defer s.Close()
			requireRollups(t, s.URL)
		})
	}
	t.Run("refused", func(t *testing.T) {
		s := httptest.NewServer(nil)
		s.Close()
		requireRollups(t, s.URL)
	})
}

// redirect looks like a good answer in all but its status.
func redirect(w http.ResponseWriter, status int) {
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answering("1000"))
}

func requireRollups(t *testing.T, vmselect string) {
	t.Helper()
	r := newRig(t, "2026-04-10T00:00:00Z",
		Config{VMSelectURL: vmselect, QueryBudget: 300 * time.Millisecond, QueryBytes: 64 << 10},
		infoOn("a", "2026-03", 1, 2)...)
	got := r.ask(t, "2026-03", Average)
	for _, p := range []published.Period{got.Periods.Month, got.Periods.Quarter, got.Periods.Year} {
		if p.Source != rollup.SourceRollups || p.Clusters != 1 || p.Months != 1 || p.Complete {
			t.Errorf("%+v", p)
		}
	}
	if finals := r.store.finals(); finals != nil {
		t.Errorf("stored: %v", finals)
	}
	_, err := r.Answer(context.Background(), monthID(t, "2026-02"), Average, Seen)
	if !errors.Is(err, ErrUnavailable) {
		t.Errorf("a month without rollups: %v", err)
	}
}

// An empty answer is no failure: vmselect knows nothing.
func TestEmptyVMSelect(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
	}))
	defer s.Close()
	r := newRig(t, "2026-04-10T00:00:00Z", Config{VMSelectURL: s.URL}, infoOn("a", "2026-03", 1)...)
	if got := r.ask(t, "2026-03", Average).Periods.Month; got.Source != rollup.SourceRollups || got.Clusters != 1 {
		t.Errorf("%+v", got)
	}
	if finals := r.store.finals(); !slices.Equal(finals, []string{"2026-03 rollups"}) {
		t.Errorf("both sources have answered, but stored is %v", finals)
	}
	if _, err := r.Answer(context.Background(), monthID(t, "2026-02"), Average, Seen); !errors.Is(err, ErrNoData) {
		t.Error(err)
	}
}

func TestQueriesAreStrict(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("deny_partial_response") != "1" || r.FormValue("nocache") != "1" {
			t.Errorf("asked with %s", r.Form)
		}
		_, _ = io.WriteString(w, oneCluster)
	}))
	defer s.Close()
	r := newRig(t, "2026-04-10T00:00:00Z", Config{VMSelectURL: s.URL})
	r.mustHear(t, window{monthID(t, "2026-03"), monthID(t, "2026-03")}, everything)
}

func TestBadURL(t *testing.T) {
	for _, u := range []string{"vmselect:8481", "ftp://host/", "http://", "http://[::1", "/select"} {
		if _, err := New(newFakeStore(), fakeApps{}, Config{Now: time.Now, VMSelectURL: u}); err == nil {
			t.Errorf("%q is accepted", u)
		}
	}
}
