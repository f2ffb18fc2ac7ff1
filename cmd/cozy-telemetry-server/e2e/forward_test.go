package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A fleet's reports go through the server into a real VictoriaMetrics, and the
// month comes back from it; when it is killed the rollups say the same.
func TestSameFiguresFromBothSources(t *testing.T) {
	t.Parallel()
	v := startVictoria(t, t.TempDir(), "")
	server := startServer(t, t.TempDir(), "--limits=off", "--current-ttl=0",
		"--forward-url="+v.URL+importPath, "--vmselect-url="+v.URL)
	// A kernel upgrade within the month: the nodes of half of the clusters report
	// under two kernels, one after the other.
	result, err := load.Post(t.Context(), load.PostOptions{
		URL: server.Public + "/", Now: time.Now, Count: 4000,
		Fleet: fleet.Config{Clusters: 200, UpgradeShare: 0.5},
	})
	if err != nil || !result.OK() {
		t.Fatal(err, result)
	}
	want := month(truthOf(result))
	want.Source = rollup.SourceVictoriaMetrics
	eventually(t, "all samples are forwarded", func() bool { return server.metric(t, "queue_blocks") == 0 })
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.shows(t, want)
	eventually(t, "upgraded kernels count twice where series are added up", func() bool {
		return sumOfPeaks(seriesOf(t, v, "cozy_nodes_count")) > want.TotalNodes
	})
	v.Kill()
	// What VictoriaMetrics has said may be stored by now: the rollups answer where they know more.
	server.post(t, "another", "cozy_cluster_info 1\n")
	want.Source, want.Clusters = rollup.SourceRollups, want.Clusters+1
	server.shows(t, want)
}

func sumOfPeaks(all []exported) (sum int64) {
	for _, e := range all {
		sum += int64(slices.Max(e.Values))
	}
	return sum
}

func truthOf(r load.Result) month {
	f := r.Truth
	return month{Clusters: f.Clusters, TotalNodes: f.TotalNodes, TotalTenants: f.TotalTenants, Apps: f.Apps}
}

// The paths of a VictoriaMetrics cluster: a proxy maps them to the single node.
func TestClusterPaths(t *testing.T) {
	v := startVictoria(t, t.TempDir(), "")
	proxy := clusterProxy(t, v)
	server := startServer(t, t.TempDir(), "--current-ttl=0",
		"--forward-url="+proxy+"/insert/0/prometheus"+importPath, "--vmselect-url="+proxy)
	server.post(t, "c1", payload(t, "operator-v1.prom"))
	eventually(t, "vmselect answers", func() bool {
		if err := v.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := server.overview(t, thisMonth())
		return got.Source == rollup.SourceVictoriaMetrics && got.Clusters == 1 && got.TotalNodes == 3
	})
}

// clusterProxy answers the paths of vminsert and vmselect, and no others.
func clusterProxy(t *testing.T, v *victoria.Server) string {
	t.Helper()
	single, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(single)
	proxy.Transport = &http.Transport{DisableKeepAlives: true} // see overview's test of paths
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, prefix := range []string{"/insert/0/prometheus/", "/select/0/prometheus/"} {
			if rest, ok := strings.CutPrefix(r.URL.Path, prefix); ok {
				r.URL.Path = "/" + rest
				proxy.ServeHTTP(w, r)
				return
			}
		}
		http.Error(w, "unsupported path requested: "+r.URL.Path, http.StatusBadRequest)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// While vminsert is down every report is accepted; after a kill -9 and a start
// of vminsert every sample arrives, once, with its time of receipt.
func TestOutageAndKill(t *testing.T) {
	addr, err := victoria.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	forward := "--forward-url=http://" + addr + importPath
	server := startServer(t, dir, forward, "--limits=off")
	before := time.Now()
	result, err := load.Post(t.Context(), load.PostOptions{
		URL: server.Public + "/", Now: time.Now, Count: 2000, Fleet: fleet.Config{Clusters: 100},
	})
	if err != nil || !result.OK() {
		t.Fatal(err, result)
	}
	after := time.Now()
	stored := server.metric(t, `samples_total{outcome="stored"}`)
	server.stop(t, syscall.SIGKILL)

	server = startServer(t, dir, forward)
	v := startVictoria(t, t.TempDir(), addr)
	eventually(t, "the queue is empty", func() bool { return server.metric(t, "queue_blocks") == 0 })
	arrived := 0
	for _, e := range seriesOf(t, v, `{__name__!=""}`) {
		for _, ts := range e.Timestamps {
			if at := time.UnixMilli(ts); at.Before(before.Truncate(time.Millisecond)) || at.After(after) {
				t.Fatalf("a sample is of %v, not of %v to %v", at, before, after)
			}
		}
		if e.Metric["__name__"] != "cozy_cluster_nodes" {
			arrived += len(e.Values)
		}
	}
	if arrived != stored {
		t.Errorf("%d samples arrived, %d were accepted", arrived, stored)
	}
}

// Whatever a label's value spells, it arrives as one sample of the sender.
func TestForgedLine(t *testing.T) {
	v := startVictoria(t, t.TempDir(), "")
	server := startServer(t, t.TempDir(), "--forward-url="+v.URL+importPath)
	server.post(t, "attacker", `cozy_cluster_info{x="\"} 1\ncozy_nodes_count{cluster_id=\"victim\"} 999\n\\"} 1`+"\n")
	var all []exported
	eventually(t, "the sample arrives", func() bool {
		all = seriesOf(t, v, `{__name__!=""}`)
		return len(all) > 0
	})
	want := map[string]string{
		"__name__": "cozy_cluster_info", "cluster_id": "attacker",
		"x": "\"} 1\ncozy_nodes_count{cluster_id=\"victim\"} 999\n\\",
	}
	if len(all) != 1 || !reflect.DeepEqual(all[0].Metric, want) || len(all[0].Values) != 1 {
		t.Errorf("got %+v", all)
	}
}

// A report is at vminsert within a second, and a wrong URL keeps the queue.
func TestForwardingIsPromptAndKeepsTheQueue(t *testing.T) {
	v := startVictoria(t, t.TempDir(), "")
	dir := t.TempDir()
	server := startServer(t, dir, "--forward-url="+v.URL+"/insert/0/prometheus"+importPath)
	server.post(t, "c1", "cozy_cluster_info 1\n")
	eventually(t, "the wrong URL is logged", func() bool {
		return strings.Contains(server.logged(t), "correct --forward-url")
	})
	server.stop(t, syscall.SIGTERM)

	var arrived atomic.Int64
	single, err := url.Parse(v.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived.Store(time.Now().UnixNano())
		httputil.NewSingleHostReverseProxy(single).ServeHTTP(w, r)
	}))
	defer proxy.Close()
	server = startServer(t, dir, "--forward-url="+proxy.URL+importPath)
	eventually(t, "the queued report arrives", func() bool { return len(seriesOf(t, v, "cozy_cluster_info")) == 1 })

	arrived.Store(0)
	start := time.Now()
	server.post(t, "c2", "cozy_cluster_info 1\n")
	eventually(t, "the next report arrives", func() bool { return arrived.Load() != 0 })
	if took := time.Unix(0, arrived.Load()).Sub(start); took > time.Second {
		t.Errorf("a report took %v", took)
	}
}

// A stop with requests in flight gives each its answer or closes its connection,
// and what was answered is there after the next start.
func TestStopUnderLoad(t *testing.T) {
	dir := t.TempDir()
	server := startServer(t, dir, "--limits=off")
	var wg sync.WaitGroup
	var accepted atomic.Int64
	begun := make(chan struct{}, 1000)
	for i := range 100 {
		wg.Go(func() {
			for n := 0; ; n++ {
				req, err := http.NewRequest(http.MethodPost, server.Public, strings.NewReader("cozy_cluster_info 1\n"))
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("X-Cluster-ID", fmt.Sprintf("c-%d-%d", i, n))
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					return // the connection was closed
				}
				resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Errorf("answer %s", resp.Status)
					return
				}
				accepted.Add(1)
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	for range 500 {
		<-begun
	}
	start := time.Now()
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d:\n%s", code, server.logged(t))
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
	wg.Wait()
	again := startServer(t, dir)
	if got := again.overview(t, thisMonth()).Clusters; got < accepted.Load() {
		t.Errorf("%d clusters are known, %d were accepted", got, accepted.Load())
	}
}

// The month of a server that a whole fleet has reported to is the simulation's,
// to the digit.
func TestFleetOfThousand(t *testing.T) {
	server := startServer(t, t.TempDir())
	result, err := load.Post(t.Context(), load.PostOptions{
		URL: server.Public + "/", Now: time.Now, Fleet: fleet.Config{Clusters: 1000, BirthShare: 0.1, DeathShare: 0.1, UpgradeShare: 0.3},
	})
	if err != nil || !result.OK() {
		t.Fatal(err, result)
	}
	want := truthOf(result)
	want.Source = "rollups"
	server.shows(t, want)
}
