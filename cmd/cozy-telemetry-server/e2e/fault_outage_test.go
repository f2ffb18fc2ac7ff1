package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	postsPerSecond = 50 / raceRepeats
	outageClusters = 500
	outageQueue    = 1 << 20 / raceRepeats
)

// vminsert is down for an hour, while 50 reports a second come, and the queue is
// small; with the race detector it is a fifth of both. All reports are taken. The
// oldest samples are dropped, and as many are counted; memory and file stay as they
// are; the rest is delivered in order, with the times of receipt; and the rollups are
// exact. The clock is fake, all else is real.
func TestG2OutageOfAnHour(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	synctest.Test(t, func(t *testing.T) { testOutage(t, path) })
	checkFile(t, path)
}

func testOutage(t *testing.T, path string) {
	db, err := store.Open(path, store.Options{QueueBytes: outageQueue, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	receiver := &outageReceiver{begin: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	var loops sync.WaitGroup
	forwarder := forward.New(db.QueueOf(rollup.Cozystack), "http://vminsert/", forward.Config{Transport: receiver})
	loops.Go(func() { forwarder.Run(ctx, zerolog.Nop()) })
	handler, err := ingest.NewHandler(db, ingest.Config{Now: time.Now, Lines: forward.AppendLines})
	if err != nil {
		t.Fatal(err)
	}

	memory, size := heap(), int64(0)
	const seconds = 60 * 60
	for second := range seconds {
		postSecond(t, handler, second)
		time.Sleep(time.Second)
		if second == seconds/2 { // the queue is full long since
			memory, size = heap(), sizeOf(t, db)
		}
	}
	if now := heap(); now > memory+4<<20 {
		t.Errorf("memory grew from %d to %d bytes", memory, now)
	}
	if now := sizeOf(t, db); now > size*5/4 {
		t.Errorf("the file grew from %d to %d bytes", size, now)
	}
	waiting := db.Queue()
	if waiting.Bytes > outageQueue*11/10 || waiting.Bytes < outageQueue/2 {
		t.Errorf("%d bytes wait", waiting.Bytes)
	}

	receiver.recover()
	time.Sleep(3 * time.Minute)
	synctest.Wait()
	all := seconds * postsPerSecond
	stats := db.Queue()
	if stats.Blocks != 0 || len(receiver.values)+int(stats.DroppedReports) != all || stats.DroppedReports == 0 {
		t.Errorf("%d reports, %d arrived, %d were dropped, %d blocks wait", all, len(receiver.values), stats.DroppedReports, stats.Blocks)
	}
	if stats.DroppedSamples != 2*stats.DroppedReports {
		t.Errorf("%d samples of %d reports were dropped", stats.DroppedSamples, stats.DroppedReports)
	}
	receiver.inOrder(t, all)
	cancel()
	loops.Wait()
	requirePeaks(t, db, all)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d reports taken, %d dropped from the queue, %d delivered in order; heap %d kB, then %d kB; file %d kB",
		all, stats.DroppedReports, len(receiver.values), memory>>10, heap()>>10, size>>10)
}

// postSecond posts the reports of one second, all at once. Report n is of the
// cluster n modulo their number, and its value is n.
func postSecond(t *testing.T, h http.Handler, second int) {
	var posts sync.WaitGroup
	for i := range postsPerSecond {
		posts.Go(func() {
			n := second*postsPerSecond + i
			body := fmt.Sprintf("cozy_cluster_info 1\ncozy_sequence %d\n", n)
			r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			r.Header.Set("X-Cluster-ID", fmt.Sprintf("cluster-%d", n%outageClusters))
			w := httptest.NewRecorder()
			if h.ServeHTTP(w, r); w.Code != http.StatusOK {
				t.Errorf("report %d is answered with %d", n, w.Code)
			}
		})
	}
	posts.Wait()
}

// heap returns how many bytes are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func sizeOf(t *testing.T, db *store.Store) int64 {
	t.Helper()
	size, err := db.SizeBytes()
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// requirePeaks requires that each cluster's last report is its peak.
func requirePeaks(t *testing.T, db *store.Store, reports int) {
	t.Helper()
	id, clusters := rollup.MonthOf(time.Now()), 0
	err := db.Fold(t.Context(), rollup.Cozystack, id, id, []string{"cozy_sequence"}, func(instance string, months []rollup.Month) error {
		var n int
		if _, err := fmt.Sscanf(instance, "cluster-%d", &n); err != nil {
			return err
		}
		if want := float64(reports - outageClusters + n); months[0].Peaks[0].Peak != want {
			t.Errorf("%s: peak %v, want %v", instance, months[0].Peaks[0].Peak, want)
		}
		clusters++
		return nil
	})
	if err != nil || clusters != outageClusters {
		t.Errorf("%d clusters, %v", clusters, err)
	}
}

// outageReceiver is a transport that is down until recover.
type outageReceiver struct {
	begin time.Time

	mu     sync.Mutex
	up     bool
	values []int // of cozy_sequence, as they came
	stamps []int64
}

func (r *outageReceiver) recover() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.up = true
}

func (r *outageReceiver) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.up {
		return nil, errors.New("connection refused")
	}
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(zip)
	for lines.Scan() {
		var cluster string
		var value int
		var stamp int64
		if n, _ := fmt.Sscanf(lines.Text(), "cozy_sequence{cluster_id=%q} %d %d", &cluster, &value, &stamp); n == 3 {
			r.values, r.stamps = append(r.values, value), append(r.stamps, stamp)
		}
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, lines.Err()
}

// inOrder requires that what came are the newest reports, each once, second by
// second, with the times at which they were received.
func (r *outageReceiver) inOrder(t *testing.T, all int) {
	t.Helper()
	seen, before := make(map[int]bool), int64(0)
	for i, value := range r.values {
		received := r.begin.Add(time.Duration(value/postsPerSecond) * time.Second).UnixMilli()
		if r.stamps[i] != received || received < before || seen[value] || value < all-len(r.values)-postsPerSecond {
			t.Fatalf("at %d came report %d of %d, stamped %d, after one of %d", i, value, received, r.stamps[i], before)
		}
		seen[value], before = true, received
	}
}

// A receiver that never answers is given up after half a minute, again and again.
// Each time is counted, and nothing leaves the queue.
func TestG1ReceiverThatHangs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	synctest.Test(t, func(t *testing.T) {
		db := openStore(t, path)
		report := rollup.Report{Product: rollup.Cozystack, Instance: "c1", Received: time.Now()}
		if err := db.Record(t.Context(), report, []byte("cozy_a 1 1\n")); err != nil {
			t.Fatal(err)
		}
		attempts := make(chan forward.Attempt, 100)
		forwarder := forward.New(db.QueueOf(rollup.Cozystack), "http://vminsert/", forward.Config{
			Transport: hanging{}, OnForward: func(a forward.Attempt) { attempts <- a },
		})
		ctx, cancel := context.WithCancel(t.Context())
		var loop sync.WaitGroup
		loop.Go(func() { forwarder.Run(ctx, zerolog.Nop()) })
		time.Sleep(10 * time.Minute)
		if n := len(attempts); n < 6 || n > 15 {
			t.Fatalf("%d attempts", n)
		}
		if a := <-attempts; a.Outcome != forward.Retry || !errors.Is(a.Err, context.DeadlineExceeded) || a.Reports+a.Samples != 0 {
			t.Errorf("the first attempt was %+v", a)
		}
		if blocks := db.Queue().Blocks; blocks != 1 {
			t.Errorf("%d blocks wait", blocks)
		}
		cancel()
		loop.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// hanging is a transport that never gets an answer.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
