package ingest

import (
	"net/http"
	"net/http/httptest"
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
