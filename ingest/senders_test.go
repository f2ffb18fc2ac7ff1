package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestSenderLimits(t *testing.T) {
	now := noon
	limits := SenderLimits{Burst: 3, Every: time.Minute, NewBurst: 2, NewEvery: time.Hour}
	recorder := &memory{}
	server := newServer(t, recorder, Config{Senders: &limits, Now: func() time.Time { return now }})
	send := func(id string) int {
		resp, _ := post(t, server.URL, "cozy_a 1\n", "X-Cluster-ID", id)
		if resp.StatusCode == http.StatusTooManyRequests && resp.Header.Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
		return resp.StatusCode
	}
	for i, want := range []int{200, 200, 200, 429} {
		if got := send("often"); got != want {
			t.Errorf("report %d: %d, want %d", i, got, want)
		}
	}
	now = now.Add(time.Minute)
	if got := send("often"); got != 200 {
		t.Errorf("a minute later: %d", got)
	}
	if got := []int{send("new-1"), send("new-2")}; got[0] != 200 || got[1] != 429 {
		t.Errorf("new ids: %v", got)
	}
	recorder.known = true
	if got := send("known"); got != 200 {
		t.Errorf("an id that the file knows: %d", got)
	}
}

// Two clients of a cluster, every 15 minutes, with a restart and a retry of each
// in the same second, never meet the default limits.
func TestSenderLimitsSpareRealClients(t *testing.T) {
	s, err := newSenders(SenderLimits{}, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	now, r := noon, httptest.NewRequest(http.MethodPost, "/", nil)
	for range 7 * 24 * 4 {
		for range 2 * 3 {
			if err := s.admit("c1", r, now); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(15 * time.Minute)
	}
}

// from is a request of a peer.
func from(peer string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.RemoteAddr = peer
	return r
}

func unknown(string) bool { return false }

// Who is refused for one budget uses up nothing of the other.
func TestNewIDsOfNetworks(t *testing.T) {
	s, err := newSenders(SenderLimits{NewBurst: 5, NewEvery: time.Minute, NetworkNewBurst: 2, NetworkNewEvery: time.Hour}, unknown)
	if err != nil {
		t.Fatal(err)
	}
	now, ids := noon, 0
	send := func(peer string) string {
		ids++
		err := s.admit(fmt.Sprint("id-", ids), from(peer), now)
		var refusal *Refusal
		switch {
		case err == nil:
			return "taken"
		case !errors.As(err, &refusal) || refusal.Status != http.StatusTooManyRequests || refusal.RetryAfter == 0:
			t.Errorf("got %v", err)
		case strings.Contains(err.Error(), "198."):
			t.Errorf("the error has an address: %v", err)
		case strings.Contains(refusal.Text, "network"):
			return "network"
		}
		return "all"
	}
	for i, step := range []struct{ peer, want string }{
		{"198.51.100.1:1", "taken"}, {"198.51.100.2:1", "taken"},
		{"198.51.100.3:1", "network"}, {"198.51.100.4:1", "network"}, {"198.51.100.5:1", "network"}, {"198.51.100.6:1", "network"},
		{"[2001:db8:0:1::1]:1", "taken"}, {"[2001:db8:0:2::1]:1", "taken"}, {"[2001:db8:0:3::1]:1", "network"},
		{"127.0.0.1:1", "taken"}, // the fifth
		{"127.0.0.1:1", "all"}, {"203.0.113.1:1", "all"}, {"203.0.113.2:1", "all"}, {"203.0.113.3:1", "all"},
	} {
		if got := send(step.peer); got != step.want {
			t.Errorf("step %d, from %s: %s, want %s", i, step.peer, got, step.want)
		}
	}
	now = now.Add(3 * time.Minute) // three more in all
	for i, want := range []string{"taken", "taken", "network"} {
		if got := send("203.0.113.1:1"); got != want {
			t.Errorf("a network that was refused for the others' sake, id %d: %s, want %s", i, got, want)
		}
	}
	now = now.Add(time.Hour)
	if got := send("198.51.100.1:1"); got != "taken" {
		t.Errorf("an hour later: %s", got)
	}
}

// Behind a proxy that nobody has named, the whole world has one address: it is
// no network.
func TestUnnamedProxyIsNoNetwork(t *testing.T) {
	s, err := newSenders(SenderLimits{NetworkNewBurst: 1}, unknown)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 5000 {
		r := from("10.244.0.17:80")
		r.Header.Set("X-Forwarded-For", "198.51.100.1")
		if err := s.admit(fmt.Sprint("id-", i), r, noon); err != nil {
			t.Fatal(err)
		}
	}
}

// 100 000 new ids in five minutes, from one network or from many, meet their
// budgets. Those that reported before are served all the time.
func TestS12FloodOfNewIDs(t *testing.T) {
	const flood, duration = 100_000, 5 * time.Minute
	tests := map[string]struct {
		peer  func(i int) string
		taken int
	}{
		"one network":   {func(i int) string { return fmt.Sprintf("198.51.100.%d:1", i%256) }, 1000 + 30},
		"many networks": {func(i int) string { return fmt.Sprintf("%d.%d.%d.1:1", 20+i>>16, i>>8&0xff, i&0xff) }, 10_000 + 300},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			now := noon
			h, err := NewHandler(familiar{}, Config{Now: func() time.Time { return now }, Senders: &SenderLimits{}})
			if err != nil {
				t.Fatal(err)
			}
			send := func(id, peer string) int {
				r := from(peer)
				r.Header.Set("X-Cluster-Id", id)
				answer := httptest.NewRecorder()
				h.ServeHTTP(answer, r)
				return answer.Code
			}
			before := heap()
			answers := make(map[int]int)
			for i := range flood {
				now = noon.Add(duration * time.Duration(i) / flood)
				answers[send(fmt.Sprintf("new-%0240d", i), tt.peer(i))]++
				if i%100 == 0 {
					if got := send(fmt.Sprint("known-", i), tt.peer(i)); got != http.StatusOK {
						t.Fatalf("a known id got %d", got)
					}
				}
			}
			took := heap() - before
			runtime.KeepAlive(h)
			if got := answers[200]; got < tt.taken-5 || got > tt.taken+5 || answers[429] != flood-got {
				t.Errorf("answers %v, want %d taken", answers, tt.taken)
			}
			if took > 16<<20 {
				t.Errorf("the limits took %d bytes", took)
			}
			t.Logf("%v, %d KiB", answers, took>>10)
		})
	}
}

// familiar is a Recorder that knows the ids that say so.
type familiar struct{ discard }

func (familiar) Known(_, id string, _ time.Time) (bool, error) {
	return strings.HasPrefix(id, "known-"), nil
}

// However many ids and networks come, the memory of the limits is bounded.
func TestS12MemoryOfLimits(t *testing.T) {
	s, err := newSenders(SenderLimits{NewBurst: 1e9, NetworkNewBurst: 1e9}, unknown)
	if err != nil {
		t.Fatal(err)
	}
	before := heap()
	r := from("")
	for i := range 250_000 {
		r.RemoteAddr = fmt.Sprintf("%d.%d.%d.1:1", 20+i>>16, i>>8&0xff, i&0xff)
		if err := s.admit(fmt.Sprintf("%0253d", i), r, noon); err != nil {
			t.Fatal(err)
		}
	}
	took := heap() - before
	if took > 80<<20 || s.buckets.Len() != 200_000 || s.networks.Len() != 20_000 {
		t.Errorf("%d ids and %d networks take %d MiB", s.buckets.Len(), s.networks.Len(), took>>20)
	}
	t.Logf("%d ids and %d networks take %d MiB", s.buckets.Len(), s.networks.Len(), took>>20)
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
