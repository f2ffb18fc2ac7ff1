package lobby

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// house is a server with a lobby, where /probe does not enter.
type house struct {
	lobby *Lobby
	addr  string
	// inside counts the requests that were let in and are not done, most is their
	// highest number.
	inside, most atomic.Int64
	// idled receives after the lobby has noticed that a connection is idle: its
	// client may know before.
	idled chan struct{}
}

func open(t *testing.T, most int, patience time.Duration) *house {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &house{lobby: New(most, patience), addr: socket.Addr().String(), idled: make(chan struct{}, 1000)}
	server := &http.Server{Handler: h}
	socket = h.lobby.Serve(server, socket)
	server.ConnState = func(c net.Conn, state http.ConnState) {
		if h.lobby.changed(c, state); state == http.StateIdle {
			h.idled <- struct{}{}
		}
	}
	ended := make(chan error)
	go func() { ended <- server.Serve(socket) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return h
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	if r.URL.Path != "/probe" {
		err = h.lobby.Enter(r.Context())
	}
	if h.lobby.IsGuest(r.Context()) {
		w.Header().Set("Connection", "close")
	}
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.URL.Path != "/probe" {
		n := h.inside.Add(1)
		defer h.inside.Add(-1)
		for most := h.most.Load(); n > most && !h.most.CompareAndSwap(most, n); most = h.most.Load() {
		}
	}
	_, _ = io.Copy(io.Discard, r.Body)
}

// dial opens a connection that ends with the test, and sends text.
func (h *house) dial(t *testing.T, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

// status reads an answer within 5 seconds, 0 if the connection is closed instead.
func status(t *testing.T, c net.Conn) int {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		t.Fatal("no answer within 5 seconds")
	}
	if err != nil {
		return 0
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (h *house) probe(t *testing.T) {
	t.Helper()
	if got := status(t, h.dial(t, get("/probe"))); got != http.StatusOK {
		t.Errorf("a probe got %d", got)
	}
}

func get(path string) string { return fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path) }

// slow is a request whose body has not all come.
const slow = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1"

// A new connection takes the place of the one that was idle for longest.
func TestIdleGivesWay(t *testing.T) {
	h := open(t, 3, time.Minute)
	var idle []net.Conn
	for range 3 {
		c := h.dial(t, get("/"))
		if got := status(t, c); got != http.StatusOK {
			t.Fatal(got)
		}
		<-h.idled
		idle = append(idle, c)
	}
	if _, err := io.WriteString(idle[0], get("/")); err != nil || status(t, idle[0]) != http.StatusOK {
		t.Fatal(err)
	}
	<-h.idled // now the second one is the longest
	h.probe(t)
	if got := status(t, idle[1]); got != 0 {
		t.Errorf("the longest idle one got %d", got)
	}
	for range 10 {
		h.probe(t)
		if got := status(t, h.dial(t, get("/"))); got != http.StatusOK {
			t.Errorf("a client got %d", got)
		}
	}
}

// While all are busy, a probe is answered, however many wait. A client waits until
// one is done, or is told to come again.
func TestBusy(t *testing.T) {
	for _, busy := range []string{slow, "", "GET / HT"} {
		h := open(t, 3, time.Minute)
		var inside []net.Conn
		for range 3 {
			inside = append(inside, h.dial(t, busy))
		}
		h.probe(t)
		waiting := h.dial(t, get("/"))
		h.probe(t)
		_ = inside[1].Close()
		if got := status(t, waiting); got != http.StatusOK {
			t.Errorf("%q: a client that waited got %d", busy, got)
		}
		for range guests + 50 {
			h.dial(t, busy)
		}
		for range 3 {
			h.probe(t)
		}
	}
}

func TestTurnedAway(t *testing.T) {
	h := open(t, 1, time.Minute)
	h.dial(t, slow)
	h.probe(t) // so the slow one is inside
	first := h.dial(t, get("/"))
	for range guests + 1 {
		h.dial(t, get("/"))
	}
	if got := status(t, first); got != http.StatusServiceUnavailable && got != 0 {
		t.Errorf("the guest that waited longest got %d", got)
	}
	h = open(t, 1, time.Millisecond)
	h.dial(t, slow)
	h.probe(t)
	if got := status(t, h.dial(t, get("/"))); got != http.StatusServiceUnavailable {
		t.Errorf("a guest without room in time got %d", got)
	}
}

// The bound holds under load, and everybody who has patience is served.
func TestBound(t *testing.T) {
	const most = 5
	h := open(t, most, time.Minute)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			client := http.Client{Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
			defer client.CloseIdleConnections()
			for range 20 {
				resp, err := client.Get("http://" + h.addr)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if resp.StatusCode != http.StatusOK {
					t.Error(resp.Status)
				}
			}
		})
	}
	wg.Wait()
	if n := h.most.Load(); n > most {
		t.Errorf("%d requests inside at a time", n)
	}
	h.probe(t)
}
