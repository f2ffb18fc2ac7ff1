package e2e

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// slowPost is far above what a report takes, and far below what any receiver that
// does not answer would cost if reports waited for it.
const slowPost = 500 * time.Millisecond

// Whatever vminsert does, reports are taken as quickly as ever, and what came of
// sending them is counted by its class. Redirects are not followed.
func TestG1BadReceivers(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	answer := func(status int, text string, headers ...string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for i := 0; i+1 < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	tests := map[string]struct {
		url     string
		outcome string // empty: it is not known before the request times out
	}{
		"refused":              {"http://127.0.0.1:1/", "retry"},
		"no such host":         {"http://vminsert.invalid/", "retry"},
		"black hole":           {blackHole(t), ""},
		"hangs":                {rawReceiver(t, func(c *net.TCPConn) {}), ""},
		"resets":               {rawReceiver(t, reset), "retry"},
		"500":                  {answer(500, "oops"), "retry"},
		"503 with Retry-After": {answer(503, "", "Retry-After", "1"), "retry"},
		"429":                  {answer(429, "", "Retry-After", "1"), "retry"},
		"unsupported path":     {answer(400, `unsupported path requested: "/x"`), "misconfigured"},
		"cannot parse":         {answer(400, "cannot parse"), "misconfigured"},
		"vminsert's account":   {answer(400, `cannot parse accountID from "x"`), "misconfigured"},
		"a TLS port":           {tlsPort(t), "misconfigured"},
		"one bad report":       {refuseReport(t, "c7"), "rejected"},
		"302":                  {answer(302, "", "Location", other.URL), "misconfigured"},
		"307":                  {answer(307, "", "Location", other.URL), "misconfigured"},
		"308":                  {answer(308, "", "Location", other.URL), "misconfigured"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const reports = 50
			server := startServer(t, t.TempDir(), "--limits=off", "--forward-url="+test.url)
			var slowest time.Duration
			for i := range reports {
				begin := time.Now()
				server.post(t, fmt.Sprintf("c%d", i), "cozy_cluster_info 1\n")
				slowest = max(slowest, time.Since(begin))
			}
			if slowest > slowPost {
				t.Errorf("a report took %v", slowest)
			}
			if test.outcome != "" {
				eventually(t, test.outcome+" is counted", func() bool {
					return server.metric(t, `forward_requests_total{outcome="`+test.outcome+`"}`) > 0
				})
			}
			if blocks := server.metric(t, "queue_blocks"); (blocks == 0) != (test.outcome == "rejected") {
				eventually(t, "what is rejected leaves the queue, and nothing else", func() bool {
					return test.outcome == "rejected" && server.metric(t, "queue_blocks") == 0
				})
			}
			begin := time.Now()
			if code := server.stop(t, syscall.SIGTERM); code != 0 || time.Since(begin) > 10*time.Second {
				t.Errorf("exit code %d after %v", code, time.Since(begin))
			}
			t.Logf("slowest report: %v", slowest)
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.Load(); n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
}

// tlsPort is the http:// URL of a server that speaks TLS.
func tlsPort(t *testing.T) string {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return strings.Replace(s.URL, "https:", "http:", 1)
}

// refuseReport is a receiver that takes all but what has samples of a cluster.
func refuseReport(t *testing.T, cluster string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		zip, err := gzip.NewReader(r.Body)
		if err != nil {
			t.Error(err)
			return
		}
		lines, err := io.ReadAll(zip)
		if err != nil || strings.Contains(string(lines), `cluster_id="`+cluster+`"`) {
			http.Error(w, "cannot parse", http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// URLs that a real VictoriaMetrics has no import at, or another protocol, cost no
// report: what waits is delivered when the URL is corrected.
func TestWrongURLOfVictoriaMetrics(t *testing.T) {
	vm := startVictoria(t, t.TempDir(), "")
	for _, path := range []string{"/api/v1/write", "/insert/x/prometheus/api/v1/import/prometheus", "/api/v1/import/prometheus?extra_label=bad"} {
		dir := t.TempDir()
		server := startServer(t, dir, "--forward-url="+vm.URL+path)
		id := fmt.Sprintf("wrong-%d", len(path))
		for range 3 {
			server.post(t, id, "cozy_cluster_info 1\n")
		}
		eventually(t, path+" is told of", func() bool { return server.metric(t, `forward_requests_total{outcome="misconfigured"}`) > 0 })
		if n := server.metric(t, "queue_blocks"); n == 0 {
			t.Errorf("%s: nothing waits any more", path)
		}
		if n := server.metric(t, `forward_samples_total{outcome="rejected"}`); n != 0 {
			t.Errorf("%s: %d samples were dropped", path, n)
		}
		server.stop(t, syscall.SIGTERM)
		server = startServer(t, dir, "--forward-url="+vm.URL+"/api/v1/import/prometheus")
		eventually(t, "what waited is delivered", func() bool {
			return server.metric(t, `forward_samples_total{outcome="delivered"}`) == 3 && server.metric(t, "queue_blocks") == 0
		})
		server.stop(t, syscall.SIGTERM)
	}
}

// rawReceiver gives each connection to a function.
func rawReceiver(t *testing.T, take func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.AcceptTCP()
			if err != nil {
				return
			}
			defer c.Close() // when the test ends
			take(c)
		}
	}()
	return "http://" + l.Addr().String() + "/"
}

// reset closes a connection with an RST.
func reset(c *net.TCPConn) {
	_, _ = c.Read(make([]byte, 1))
	_ = c.SetLinger(0)
	_ = c.Close()
}

// blackHole is an address that answers no SYN: a listener that accepts nothing
// and whose backlog is full.
func blackHole(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", bound.(*syscall.SockaddrInet4).Port)
	for range 10 {
		c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err != nil {
			return "http://" + addr + "/"
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Fatal("it takes every connection")
	return ""
}
