package serve

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What is for operators is not on the public listener.
func TestS21PrivatePathsAreNotPublic(t *testing.T) {
	public := httptest.NewServer(newTestServer(t).public())
	defer public.Close()
	for _, path := range []string{
		"/metrics", "/backup", "/backfill", "/debug/pprof", "/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars",
		"//metrics", "/%6detrics", "/./metrics", "/api/../metrics", "/healthz/../metrics",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
			req, err := http.NewRequest(method, public.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if status, text := do(t, req); status != http.StatusNotFound || strings.Contains(text, "cozy_") {
				t.Errorf("%s %s: %d %q", method, path, status, text)
			}
		}
	}
}

// Both clients of a cluster report in the same second every 15 minutes for a
// day, then restart again and again; so does the server. None ever meets a
// limit, and both halves are in the record.
func TestS14BothClientsNeverMeetALimit(t *testing.T) {
	var passed atomic.Int64 // nanoseconds of the day
	now := func() time.Time { return readmeTime.Truncate(24 * time.Hour).Add(time.Duration(passed.Load())) }
	path := filepath.Join(t.TempDir(), "telemetry.db")
	for _, phase := range []struct {
		name   string
		rounds int
		every  time.Duration
		atOnce int // reports of each client in a round
	}{
		{"a day", 24 * 4, 15 * time.Minute, 1},
		{"a client that starts anew every 10 s", 30, 10 * time.Second, 1},
		{"all of that at once", 1, time.Minute, 20},
	} {
		s := newServerAt(t, path, now) // the server has been restarted too
		handler := s.public()
		for range phase.rounds {
			var wg sync.WaitGroup
			for range phase.atOnce {
				for _, file := range []string{"operator-v1.prom", "controller-v1.prom"} {
					wg.Go(func() {
						req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(repotest.Read(t, "testdata/"+file)))
						req.Header.Set("X-Cluster-ID", "my-cluster")
						answer := httptest.NewRecorder()
						if handler.ServeHTTP(answer, req); answer.Code != http.StatusOK {
							t.Errorf("%s: %d %s", phase.name, answer.Code, answer.Body)
						}
					})
				}
			}
			wg.Wait()
			passed.Add(int64(phase.every))
		}
		checkHalves(t, s)
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// checkHalves holds that the figures of both clients are in the record.
func checkHalves(t *testing.T, s *server) {
	t.Helper()
	month := rollup.MonthOf(readmeTime)
	got := make(map[string]float64)
	metrics := []string{"cozy_nodes_count", "cozy_application_count"}
	err := s.store.Fold(t.Context(), "cozystack", month, month, metrics, func(instance string, months []rollup.Month) error {
		for _, m := range months {
			for _, p := range m.Peaks {
				got[instance+" "+p.Series.Metric()] += p.Peak
			}
		}
		return nil
	})
	if err != nil || got["my-cluster cozy_nodes_count"] != 3 || got["my-cluster cozy_application_count"] != 12 {
		t.Errorf("the record has %v, %v", got, err)
	}
}

// The flags reach the limits: each is set so that the second report meets it.
func TestSenderFlags(t *testing.T) {
	const proxy, one, other = "203.0.113.9:1", "198.51.100.1", "198.51.101.1"
	tests := map[string]struct {
		flags         []string
		first, second [2]string // cluster id and origin
		status        int
		text          string
	}{
		"id-burst":                  {[]string{"--id-burst=1"}, [2]string{"a", one}, [2]string{"a", one}, 429, "of this cluster"},
		"new-ids-burst":             {[]string{"--new-ids-burst=1"}, [2]string{"a", one}, [2]string{"b", other}, 429, "new cluster ids"},
		"network-new-ids-burst":     {[]string{"--network-new-ids-burst=1"}, [2]string{"a", one}, [2]string{"b", one}, 429, "one network"},
		"another network":           {[]string{"--network-new-ids-burst=1"}, [2]string{"a", one}, [2]string{"b", other}, 200, ""},
		"a proxy that nobody named": {[]string{"--network-new-ids-burst=1", "--trusted-proxies=192.0.2.1"}, [2]string{"a", one}, [2]string{"b", other}, 429, "one network"},
		"limits off":                {[]string{"--network-new-ids-burst=1", "--limits=off"}, [2]string{"a", one}, [2]string{"b", one}, 200, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			flags := append([]string{"--trusted-proxies=203.0.113.0/24,2001:db8::1"}, tt.flags...)
			if strings.Contains(strings.Join(tt.flags, " "), "--trusted-proxies") {
				flags = tt.flags
			}
			s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime }, flags...)
			defer s.close()
			var answer *httptest.ResponseRecorder
			for _, sender := range [][2]string{tt.first, tt.second} {
				req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("cozy_cluster_info 1\n"))
				req.RemoteAddr = proxy
				req.Header.Set("X-Cluster-ID", sender[0])
				req.Header.Set("X-Forwarded-For", sender[1])
				answer = httptest.NewRecorder()
				s.public().ServeHTTP(answer, req)
			}
			if answer.Code != tt.status || !strings.Contains(answer.Body.String(), tt.text) {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
		})
	}
}

// Behind a proxy that nobody has named, the first report makes a line that says what
// to set, and no later one does. It has no address.
func TestUnnamedProxyIsLogged(t *testing.T) {
	for flag, want := range map[string]int{"": 1, "--trusted-proxies=10.244.0.0/16": 0, "--limits=off": 0} {
		var flags []string
		if flag != "" {
			flags = append(flags, flag)
		}
		s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime }, flags...)
		var log strings.Builder
		s.log = zerolog.New(&log)
		for i := range 20 {
			req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("cozy_cluster_info 1\n"))
			req.RemoteAddr = "10.244.0.17:4711"
			req.Header.Set("X-Cluster-ID", fmt.Sprint("c-", i))
			req.Header.Set("X-Forwarded-For", "198.51.100.7")
			answer := httptest.NewRecorder()
			if s.public().ServeHTTP(answer, req); answer.Code != http.StatusOK {
				t.Fatalf("got %d %s", answer.Code, answer.Body)
			}
		}
		lines := log.String()
		if strings.Count(lines, "--trusted-proxies") != want || strings.Contains(lines, "10.244") || strings.Contains(lines, "198.51") {
			t.Errorf("%q: the log is %s", flag, lines)
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A cluster that reported before the server was restarted is not new after it.
func TestKnownAfterRestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	now := readmeTime
	for day, want := range []map[string]int{
		{"known": http.StatusOK},
		{"new": http.StatusOK, "newer": http.StatusTooManyRequests, "known": http.StatusOK},
	} {
		s := newServerAt(t, path, func() time.Time { return now }, "--new-ids-burst=1", "--new-ids-every=24h")
		for _, id := range []string{"new", "newer", "known"} {
			if want[id] == 0 {
				continue
			}
			req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("cozy_cluster_info 1\n"))
			req.Header.Set("X-Cluster-ID", id)
			answer := httptest.NewRecorder()
			if s.public().ServeHTTP(answer, req); answer.Code != want[id] {
				t.Errorf("day %d, %s: %d, want %d", day, id, answer.Code, want[id])
			}
		}
		if err := s.close(); err != nil {
			t.Fatal(err)
		}
		now = now.Add(48 * time.Hour)
	}
}

func TestParseProxies(t *testing.T) {
	for _, good := range []string{"", "::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "10.0.0.0/8", "10.0.0.1", "2001:db8::/32,::1,127.0.0.1"} {
		var texts []string
		if good != "" {
			texts = strings.Split(good, ",")
		}
		if all, err := parseProxies(texts); err != nil || len(all) != len(texts) {
			t.Errorf("%q: %v, %v", good, all, err)
		}
	}
	for text, addr := range map[string]string{"::ffff:10.0.0.1": "10.0.0.1", "::ffff:10.0.0.0/104": "10.9.9.9", "::/0": "2001:db8::1"} {
		if all, err := parseProxies([]string{text}); err != nil || !all[0].Contains(netip.MustParseAddr(addr)) {
			t.Errorf("%q: %v, %v", text, all, err)
		}
	}
	for _, bad := range []string{"", "proxy", "::ffff:0.0.0.0/90", "10.0.0.0/33", "10.0.0.1:80", "fe80::1%eth0", "10.0.0.0/8 "} {
		if _, err := parseProxies([]string{"10.0.0.1", bad}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("--trusted-proxies: %q is not", bad)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The plausibility flags reach the parser.
func TestPlausibilityFlags(t *testing.T) {
	s := newServerAt(t, filepath.Join(t.TempDir(), "telemetry.db"), func() time.Time { return readmeTime },
		"--max-nodes=1", "--max-tenants=2", "--max-apps=3")
	defer s.close()
	for body, want := range map[string]string{
		"cozy_nodes_count 2\n":                          "more than 1 nodes",
		"cozy_tenants_count 3\n":                        "more than 2 tenants",
		"cozy_application_count{kind=\"Postgres\"} 4\n": "more than 3 applications of a kind",
	} {
		req := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		req.Header.Set("X-Cluster-ID", "my-cluster")
		answer := httptest.NewRecorder()
		if s.public().ServeHTTP(answer, req); answer.Code != http.StatusBadRequest || !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%q: %d %s", body, answer.Code, answer.Body)
		}
	}
}
