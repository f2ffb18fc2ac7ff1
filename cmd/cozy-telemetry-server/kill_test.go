package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var kills = flag.Int("kills", 15, "how often TestKillUnderLoad kills the server")

// senders is how many clusters report at once while the server is killed.
const senders = 8

// The server is killed again and again at random moments while clusters report
// and the receiver fails now and then. Each report has a higher value than the
// one before, so the peak in the rollups shows the last one that is known, and
// the receiver shows each one. None that was acknowledged may be missing.
func TestKillUnderLoad(t *testing.T) {
	addr, err := victoria.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	dir, sink := t.TempDir(), newFlakySink(t)
	start := func() *process {
		return startServer(t, dir, "--limits=off", "--listen-addr="+addr, "--forward-url="+sink.url)
	}
	random := rand.New(rand.NewPCG(1, 2))
	server := start()
	fleet := startReporting(t, "http://"+addr+"/")
	var slowest time.Duration
	for range *kills {
		time.Sleep(time.Duration(20+random.IntN(150)) * time.Millisecond)
		server.stop(t, syscall.SIGKILL)
		begin := time.Now()
		server = start()
		slowest = max(slowest, time.Since(begin))
	}
	acknowledged := fleet.stop()
	sink.failing(false)
	eventually(t, "the queue is empty", func() bool { return server.metric(t, "queue_blocks") == 0 })
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}

	reports, samples := 0, 0
	peaks := readPeaks(t, filepath.Join(dir, "telemetry.db"))
	for cluster, values := range acknowledged {
		for _, v := range values {
			if !sink.has(cluster, v) {
				t.Errorf("%s: the sample %d was acknowledged, but never came", cluster, v)
			}
			samples++
		}
		if last := values[len(values)-1]; peaks[cluster] < last {
			t.Errorf("%s: the report %d was acknowledged, the rollups know of %d", cluster, last, peaks[cluster])
		}
		reports += len(values)
	}
	if reports < *kills {
		t.Errorf("only %d reports were acknowledged", reports)
	}
	t.Logf("%d kills, %d reports acknowledged, %d samples of theirs arrived, slowest start %v", *kills, reports, samples, slowest)
}

// reporting is a fleet that reports until it is stopped.
type reporting struct {
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	acked  map[string][]int
}

func startReporting(t *testing.T, url string) *reporting {
	ctx, cancel := context.WithCancel(t.Context())
	r := &reporting{cancel: cancel, acked: make(map[string][]int)}
	for i := range senders {
		r.wg.Go(func() { r.send(ctx, url, fmt.Sprintf("cluster-%d", i)) })
	}
	return r
}

// send reports as one cluster. A report without an answer is not sent again: it
// may or may not have been stored.
func (r *reporting) send(ctx context.Context, url, cluster string) {
	client := http.Client{Timeout: 5 * time.Second}
	for n := 1; ctx.Err() == nil; n++ {
		body := fmt.Sprintf("cozy_cluster_info 1\ncozy_sequence %d\n", n)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("X-Cluster-ID", cluster)
		resp, err := client.Do(req)
		if err != nil {
			time.Sleep(5 * time.Millisecond)
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			r.mu.Lock()
			r.acked[cluster] = append(r.acked[cluster], n)
			r.mu.Unlock()
		}
	}
}

// stop returns the values that were acknowledged to each cluster, ascending.
func (r *reporting) stop() map[string][]int {
	r.cancel()
	r.wg.Wait()
	return r.acked
}

// flakySink is a receiver that fails every third request.
type flakySink struct {
	url      string
	mu       sync.Mutex
	requests int
	fails    bool
	got      map[string]bool
}

func newFlakySink(t *testing.T) *flakySink {
	s := &flakySink{fails: true, got: make(map[string]bool)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *flakySink) failing(fails bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fails = fails
}

func (s *flakySink) has(cluster string, value int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got[cluster+" "+strconv.Itoa(value)]
}

func (s *flakySink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.requests++; s.fails && s.requests%3 == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	zip, err := gzip.NewReader(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	body, err := io.ReadAll(zip)
	if err != nil { // the server was killed while it sent
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	lines := bufio.NewScanner(strings.NewReader(string(body)))
	for lines.Scan() {
		var cluster string
		var value, stamp int
		if n, _ := fmt.Sscanf(lines.Text(), "cozy_sequence{cluster_id=%q} %d %d", &cluster, &value, &stamp); n == 3 {
			s.got[cluster+" "+strconv.Itoa(value)] = true
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// readPeaks returns the peak of cozy_sequence of each cluster.
func readPeaks(t *testing.T, path string) map[string]int {
	t.Helper()
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	peaks := make(map[string]int)
	month := thisMonth()
	err = s.Fold(t.Context(), "cozystack", month-1, month, []string{"cozy_sequence"}, func(instance string, months []rollup.Month) error {
		for _, m := range months {
			for _, p := range m.Peaks {
				peaks[instance] = max(peaks[instance], int(p.Value))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return peaks
}
