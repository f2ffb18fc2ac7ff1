package overview

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fakeVM is a vmselect without a network: an http.RoundTripper.
type fakeVM struct {
	mu      sync.Mutex
	windows map[window]figures // what it knows
	fail    error              // of every query
	failIn  map[window]error   // of a window's
	delay   time.Duration
	delayIn map[int]time.Duration // of the queries for windows of so many months
	// asked counts the queries for the clusters of a window, busy the queries
	// under way and mostBusy their highest number.
	asked          map[window]int
	busy, mostBusy int
}

func newFakeVM() *fakeVM {
	return &fakeVM{windows: map[window]figures{}, failIn: map[window]error{}, asked: map[window]int{}}
}

func (v *fakeVM) set(fail error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fail = fail
}

// times returns how often a month was asked for.
func (v *fakeVM) times(id rollup.MonthID) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked[window{id, id}]
}

// config makes an Overview ask this vmselect.
func (v *fakeVM) config() Config { return Config{VMSelectURL: "http://vmselect:8481", Transport: v} }

// hang makes it answer no more, or again.
func (v *fakeVM) hang(hangs bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.delay = 0
	if hangs {
		v.delay = time.Hour
	}
}

// asks returns how often it was asked for any window.
func (v *fakeVM) asks() (n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, times := range v.asked {
		n += times
	}
	return n
}

// knows makes it answer for a month with so many clusters.
func (v *fakeVM) knows(id rollup.MonthID, clusters int64) { v.knowsOf(window{id, id}, clusters) }

// knowsOf makes it answer for a window.
func (v *fakeVM) knowsOf(w window, clusters int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.windows[w] = figures{known: true, clusters: clusters, nodes: 3 * clusters, tenants: clusters,
		kinds: map[string]int64{"Postgres": clusters}, confirmedClusters: clusters - 1, days: w.length()}
}

var rangeText = regexp.MustCompile(`\[(\d+)(ms|d)(?::1d)?\](?:\)|$)`)

func (v *fakeVM) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	text := form.Get("query")
	w := windowOf(form)

	v.mu.Lock()
	v.busy++
	v.mostBusy = max(v.mostBusy, v.busy)
	if strings.HasPrefix(text, "count(count by") {
		v.asked[w]++
	}
	f, fail, delay := v.windows[w], v.fail, max(v.delay, v.delayIn[w.months()])
	if fail == nil {
		fail = v.failIn[w]
	}
	v.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-r.Context().Done():
			fail = r.Context().Err()
		}
	}
	v.mu.Lock()
	v.busy--
	v.mu.Unlock()
	if fail != nil {
		return nil, fail
	}
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(f.answer(text))),
	}, nil
}

// windowOf finds out which months a query is about.
func windowOf(form url.Values) window {
	seconds, _ := strconv.ParseFloat(form.Get("time"), 64)
	at := time.UnixMilli(int64(seconds * 1000)).UTC()
	all := rangeText.FindAllStringSubmatch(form.Get("query"), -1)
	last := all[len(all)-1]
	n, _ := strconv.Atoi(last[1])
	span := time.Duration(n) * time.Millisecond
	if last[2] == "d" {
		span = time.Duration(n) * 24 * time.Hour
	}
	const ms = time.Millisecond
	return window{rollup.MonthOf(at.Add(-span + ms)), rollup.MonthOf(at.Add(-2 * ms))}
}

func (f figures) answer(text string) []byte {
	var n int64
	switch {
	case strings.HasPrefix(text, "sum by (kind)"):
		return vectorOf("kind", f.kinds)
	case strings.HasPrefix(text, "count(count by"):
		n = f.clusters
	case strings.HasPrefix(text, "count(count_over_time"):
		n = f.confirmedClusters
	case strings.HasPrefix(text, "count_over_time"):
		n = int64(f.days)
	case strings.Contains(text, "cozy_cluster_nodes"):
		if f.nodes > 0 && !f.upperNodes {
			return vectorOf("exact", map[string]int64{"true": f.nodes})
		}
		n = f.nodes
	case strings.Contains(text, rollup.MetricTenants):
		n = f.tenants
	}
	if n == 0 {
		return vectorOf("", nil)
	}
	return vectorOf("x", map[string]int64{"": n})
}

func vectorOf(label string, values map[string]int64) []byte {
	var samples []string
	for _, k := range slices.Sorted(maps.Keys(values)) {
		samples = append(samples, fmt.Sprintf(`{"metric":{%q:%q},"value":[1,"%d"]}`, label, k, values[k]))
	}
	return fmt.Appendf(nil, `{"status":"success","isPartial":false,"data":{"resultType":"vector","result":[%s]}}`,
		strings.Join(samples, ","))
}
