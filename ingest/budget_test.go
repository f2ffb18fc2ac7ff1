package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// free tells whether nobody holds anything of a budget with default limits.
func (bg *budget) free() bool {
	return bg.buffered.TryAcquire(bufferedBytes) && bg.small.TryAcquire(smallBytes) && bg.large.TryAcquire(4)
}

// largeBody is a report of about n bytes, of which each line is of its own series.
func largeBody(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "cozy_a{x=\"%d\",y=\"%s\"} 1\n", i, strings.Repeat("y", 200))
	}
	return b.String()
}

// Whatever comes of requests, they leave nothing behind in the budget.
func TestBudgetIsGivenBack(t *testing.T) {
	recorder := &memory{}
	h, err := NewHandler(recorder, Config{Now: func() time.Time { return noon }, Lines: forward.AppendLines})
	if err != nil {
		t.Fatal(err)
	}
	large := largeBody(200 << 10)
	bodies := map[string]io.Reader{
		"small":      strings.NewReader("cozy_a 1\n"),
		"large":      strings.NewReader(large),
		"bad":        strings.NewReader(large + "bad\n"),
		"too large":  strings.NewReader(strings.Repeat("#", 2<<20)),
		"breaks off": io.MultiReader(strings.NewReader(large), &trickle{"x", io.ErrUnexpectedEOF}),
		"packed":     strings.NewReader(zipped(t, large)),
		"a bomb":     strings.NewReader(zipped(t, strings.Repeat("#", 8<<20))),
		"damaged":    strings.NewReader(zipped(t, large)[:1000]),
	}
	for _, err := range []error{nil, errors.New("disk full")} {
		recorder.err = err
		for name, body := range bodies {
			req := httptest.NewRequest(http.MethodPost, "/", body)
			req.Header.Set("X-Cluster-Id", "c1")
			if strings.Contains("packed a bomb damaged", name) {
				req.Header.Set("Content-Encoding", "gzip")
			}
			h.ServeHTTP(httptest.NewRecorder(), req)
		}
	}
	if !h.budget.free() {
		t.Error("something of the budget is gone")
	}
}

// broken is a Recorder that panics.
type broken struct{ *memory }

func (broken) Record(context.Context, rollup.Report, []byte) error { panic("broken") }

// A report that ends in a panic, which the server survives, leaves nothing behind.
func TestBudgetIsGivenBackAfterAPanic(t *testing.T) {
	h, err := NewHandler(broken{&memory{}}, Config{Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"cozy_a 1\n", largeBody(200 << 10)} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("there was no panic")
				}
			}()
			serve(h, "c1", body)
		}()
	}
	if !h.budget.free() {
		t.Error("something of the budget is gone")
	}
}

// closeNoticed paces the tries until the server has noticed that connections are
// closed, which nothing tells from outside.
const closeNoticed = 10 * time.Millisecond

// Half-read bodies, however many, keep no small report waiting: they hold no
// parse, and large bodies are refused when their part of the memory is used up.
func TestSlowBodiesHoldNoParse(t *testing.T) {
	const limit = 4 << 20
	server := newServer(t, &memory{}, Config{Parses: 1, Limits: Limits{BodyBytes: limit}})
	var conns []net.Conn
	for range 2 * bufferedBytes / limit {
		conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns = append(conns, conn)
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: slow\r\nContent-Length: %d\r\n\r\n", limit)
		if _, err := conn.Write(bytes.Repeat([]byte("#"), limit-1)); err != nil && !isReset(err) && !strings.Contains(err.Error(), "broken pipe") {
			t.Fatal(err)
		}
		if resp, text := post(t, server.URL, "cozy_a 1\n", "X-Cluster-ID", "c1"); resp.StatusCode != http.StatusOK {
			t.Fatalf("a small report beside %d slow ones: %d %s", len(conns), resp.StatusCode, text)
		}
	}
	if resp, text := post(t, server.URL, largeBody(limit-1000), "X-Cluster-ID", "c1"); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("a large report beside them: %d %s", resp.StatusCode, text)
	}
	for _, conn := range conns {
		conn.Close()
	}
	for range 200 {
		if resp, _ := post(t, server.URL, largeBody(1<<20), "X-Cluster-ID", "c1"); resp.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(closeNoticed)
	}
	t.Error("large reports are not taken again when the slow ones are gone")
}

// stuck is a Recorder that waits until it may go on.
type stuck struct{ goOn chan struct{} }

func (s stuck) Record(context.Context, rollup.Report, []byte) error { <-s.goOn; return nil }
func (stuck) Known(string, string, time.Time) (bool, error)         { return true, nil }

// While the disk hangs, as many reports wait as there is room for; more are put
// off after some patience. Large ones take no small one's room.
func TestReportsWaitForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := stuck{make(chan struct{})}
		h := newHandler(t, recorder, Config{Parses: 4})
		var wg sync.WaitGroup
		var mu sync.Mutex
		answers := make(map[string]int)
		send := func(kind, body string, n int) {
			for range n {
				wg.Go(func() {
					status := serve(h, "c1", body)
					mu.Lock()
					defer mu.Unlock()
					answers[fmt.Sprint(kind, " ", status)]++
				})
			}
			synctest.Wait()
		}
		send("large", largeBody(100<<10), 5)
		small := "cozy_a 1\n" + strings.Repeat("#", ownBytes-10) + "\n"
		room := int(smallBytes / cost("c1", []byte(small), countLines([]byte(small))))
		send("small", small, room+3)
		time.Sleep(patience + time.Second)
		synctest.Wait()
		mu.Lock()
		if answers["large 503"] != 3 || answers["small 503"] != 3 || len(answers) != 2 {
			t.Errorf("after the patience: %v", answers)
		}
		mu.Unlock()
		close(recorder.goOn)
		wg.Wait()
		if answers["large 200"] != 2 || answers["small 200"] != room {
			t.Errorf("in the end: %v", answers)
		}
	})
}

// The estimate that bounds small reports is not below what they take.
func TestCostIsNoUnderstatement(t *testing.T) {
	id := strings.Repeat("i", maxClusterID)
	var short strings.Builder // the shortest lines of different series
	for i := 0; short.Len() < ownBytes-12; i++ {
		fmt.Fprintf(&short, "cozy_%d 1\n", i)
	}
	for name, body := range map[string]string{"short lines": short.String(), "a real report": string(fullReport(t)), "long lines": largeBody(ownBytes - 300)} {
		const n = 200
		parser := NewParser(Limits{}, 1)
		kept := make([][]rollup.Sample, n)
		lines := make([][]byte, n)
		before := heap()
		for i := range n {
			var err error
			if kept[i], _, err = parser.Parse(nil, bytes.Clone([]byte(body))); err != nil {
				t.Fatal(err)
			}
			lines[i] = forward.AppendLines(nil, rollup.Report{Instance: id, Received: noon, Samples: kept[i]})
		}
		took, estimate := (heap()-before)/n+int64(len(body)), cost(id, []byte(body), countLines([]byte(body)))
		runtime.KeepAlive(kept)
		runtime.KeepAlive(lines)
		runtime.KeepAlive(parser)
		if took > estimate || estimate > 20*took {
			t.Errorf("%s: a report of %d bytes takes %d, estimated are %d", name, len(body), took, estimate)
		}
		t.Logf("%s: a report of %d bytes takes %d, estimated are %d", name, len(body), took, estimate)
	}
}

// A sender that goes away while its report is recorded leaves its place only when
// the recorder is done. Its report is on disk then, so the answer is 200.
func TestGoneSenderKeepsItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := stuck{make(chan struct{})}
		var result Result
		h, err := NewHandler(recorder, Config{Now: func() time.Time { return noon }, OnResult: func(r Result) { result = r }})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		req := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader("cozy_a 1\n"))
		req.Header.Set("X-Cluster-Id", "c1")
		go h.ServeHTTP(httptest.NewRecorder(), req)
		synctest.Wait()
		cancel()
		synctest.Wait()
		if h.budget.small.TryAcquire(smallBytes) {
			t.Error("its place is free while the recorder is at work")
		}
		close(recorder.goOn)
		synctest.Wait()
		if !h.budget.free() || result.Status != http.StatusOK || result.Err != nil { // it may have closed its side only
			t.Errorf("in the end: %+v", result)
		}
	})
}
