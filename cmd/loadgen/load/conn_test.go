package load

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTarget(t *testing.T) {
	for raw, want := range map[string]target{
		"http://127.0.0.1:8081/":   {"127.0.0.1:8081", "POST / HTTP/1.1\r\nHost: 127.0.0.1:8081\r\n"},
		"http://localhost":         {"localhost:80", "POST / HTTP/1.1\r\nHost: localhost\r\n"},
		"http://[::1]:1/in?a=b":    {"[::1]:1", "POST /in?a=b HTTP/1.1\r\nHost: [::1]:1\r\n"},
		"https://127.0.0.1:8081/":  {},
		"127.0.0.1:8081":           {},
		"http://":                  {},
		"http://127.0.0.1:8081/\n": {},
	} {
		got, err := newTarget(raw, false)
		if want.addr == "" {
			if !errors.Is(err, ErrURL) {
				t.Errorf("%q: error %v", raw, err)
			}
			continue
		}
		if err != nil || got.addr != want.addr || !strings.HasPrefix(got.head, want.head) {
			t.Errorf("%q: %+v, error %v", raw, got, err)
		}
	}
}

func TestReadAnswer(t *testing.T) {
	tests := []struct {
		name, answer string
		status       int
		keep, fails  bool
	}{
		{"empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, true, false},
		{"body", "HTTP/1.1 400 Bad Request\r\ncontent-length:  5 \r\n\r\nhello", 400, true, false},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", 204, true, false},
		{"close", "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nconnection: Close\r\n\r\nab", 413, false, false},
		{"old HTTP", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 200, false, false},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, false, false},
		{"after 100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", 503, true, false},
		{"no HTTP", "220 mail ready\r\n", 0, false, true},
		{"odd status", "HTTP/1.1 2x0 OK\r\n\r\n", 0, false, true},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", 0, false, true},
		{"cut-off head", "HTTP/1.1 200 OK\r\nContent-Le", 0, false, true},
		{"cut-off body", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab", 0, false, true},
		{"endless line", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<16), 0, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := bufio.NewReader(strings.NewReader(tt.answer))
			status, keep, err := readAnswer(in)
			if status != tt.status || keep != tt.keep || (err != nil) != tt.fails {
				t.Fatalf("status %d, keep %v, error %v", status, keep, err)
			}
			if rest, _ := io.ReadAll(in); keep && len(rest) > 0 {
				t.Errorf("left unread: %q", rest)
			}
		})
	}
}

// serveRaw answers each request on a connection with the next of the answers,
// then closes it.
func serveRaw(t *testing.T, answers ...string) (target, *int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	requests, done := 0, make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			in := bufio.NewReader(nc)
			for _, a := range answers {
				req, err := http.ReadRequest(in)
				if err != nil {
					break
				}
				io.Copy(io.Discard, req.Body)
				requests++
				io.WriteString(nc, a)
			}
			nc.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	to, err := newTarget("http://"+l.Addr().String(), false)
	if err != nil {
		t.Fatal(err)
	}
	return to, &requests
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

// A server may close a kept connection at any time; that is no error.
func TestStaleConnectionIsReplaced(t *testing.T) {
	to, requests := serveRaw(t, okAnswer)
	c := newConn(to)
	defer c.close()
	for range 5 {
		if status, err := c.post(t.Context(), "id", []byte("a 1\n")); status != 200 || err != nil {
			t.Fatalf("status %d, error %v", status, err)
		}
	}
	c.close()
	if *requests != 5 {
		t.Errorf("%d requests seen", *requests)
	}
}

func TestConnectionWithoutAnyAnswerFails(t *testing.T) {
	to, _ := serveRaw(t)
	c := newConn(to)
	if status, err := c.post(t.Context(), "id", nil); !errors.Is(err, errStale) {
		t.Errorf("status %d, error %v", status, err)
	}
	if c.link != nil {
		t.Error("the connection was kept")
	}
}

func TestSlowAnswerIsGivenUpAndNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go io.Copy(io.Discard, far)
		c := newConn(target{})
		c.use(newLink(t.Context(), near))
		start := time.Now()
		if _, err := c.post(t.Context(), "id", nil); !errors.Is(err, errTimeout) {
			t.Errorf("error %v", err)
		}
		if d := time.Since(start); d != requestTimeout {
			t.Errorf("given up after %v", d)
		}
	})
}

func TestCancelEndsARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		near, far := net.Pipe()
		go io.Copy(io.Discard, far)
		c := newConn(target{addr: "127.0.0.1:1"})
		c.use(newLink(ctx, near))
		time.AfterFunc(time.Second, cancel)
		if _, err := c.post(ctx, "id", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestLatencies(t *testing.T) {
	var l latencies
	if l.quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	for i := range 1000 {
		l.add(time.Duration(i+1) * time.Millisecond)
	}
	for share, want := range map[float64]time.Duration{0.5: 500, 0.9: 900, 0.99: 990, 1: 1000} {
		want *= time.Millisecond
		if got := l.quantile(share); got < want || got > want+want/subBuckets {
			t.Errorf("quantile %v: %v, want %v", share, got, want)
		}
	}
	if l.max != time.Second || l.count != 1000 {
		t.Errorf("max %v, count %d", l.max, l.count)
	}
	for v := uint64(1); v < 1<<62; v = v*3/2 + 1 {
		if b := bucketOf(v); bucketEnd(b) < v || b > 0 && bucketEnd(b-1) >= v {
			t.Errorf("%d is in bucket %d, which ends at %d", v, b, bucketEnd(b))
		}
	}
}

// answering is a connection to a server that costs nothing.
type answering struct{ net.Conn }

func (answering) Write(p []byte) (int, error) { return len(p), nil }
func (answering) Read(p []byte) (int, error)  { return copy(p, okAnswer), nil }
func (answering) Close() error                { return nil }

// BenchmarkSend is all that the generator itself costs per report; the rest is
// the kernel's.
func BenchmarkSend(b *testing.B) {
	for _, full := range []bool{false, true} {
		b.Run(map[bool]string{false: "small", true: "full"}[full], func(b *testing.B) {
			o := PostOptions{Now: time.Now, Count: b.N}
			o.Fleet.Clusters, o.Fleet.Full = 1000, full
			p, err := o.plan()
			if err != nil {
				b.Fatal(err)
			}
			sum := newTally(0)
			c := newConn(target{head: "POST / HTTP/1.1\r\n"})
			c.use(newLink(b.Context(), answering{}))
			s := &sender{plan: p, tally: sum, client: c, pace: pace{now: time.Now}}
			b.ReportAllocs()
			b.ResetTimer()
			s.run(b.Context())
			if sum.codes[200] != b.N {
				b.Fatalf("codes %v", sum.codes)
			}
		})
	}
}
