package appsource

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errDisk = errors.New("disk full")

// memory is a store in memory. Refresh and Load never call it at once.
type memory struct {
	data   []byte
	getErr error
	putErr error
}

func (m *memory) AppList() ([]byte, error) { return m.data, m.getErr }

func (m *memory) PutAppList(_ context.Context, data []byte) error {
	if m.putErr != nil {
		return m.putErr
	}
	m.data = data
	return nil
}

func (m *memory) list(t *testing.T) List {
	t.Helper()
	l, err := decodeStored(m.data)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// clock stands still until it is moved.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) advance(d time.Duration) { c.now = c.now.Add(d) }

func stored(t *testing.T, l List) []byte {
	t.Helper()
	data, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// listed returns the names that are shown.
func listed(s *Source) []string {
	var out []string
	for app := range s.ByApp(nil) {
		out = append(out, app)
	}
	slices.Sort(out)
	return out
}

// folder is GitHub's answer for a folder that holds these folders.
func folder(names ...string) string {
	entries := make([]string, len(names))
	for i, name := range names {
		entries[i] = fmt.Sprintf(`{"name":%q,"path":"packages/apps/%s","type":"dir","size":0}`, name, name)
	}
	return "[" + strings.Join(entries, ",") + "]"
}

func TestRefreshTakesTheList(t *testing.T) {
	var asked []*http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Header().Set("ETag", `"v1"`)
		io.WriteString(w, `[{"name":"redis","type":"dir"},{"name":"README.md","type":"file"},
			{"name":"kafka","type":"dir"},{"name":"..","type":"dir"},{"name":"UPPER","type":"dir"},
			{"name":"-x","type":"dir"},{"name":"<b>","type":"dir"},{"name":"redis","type":"dir"},
			{"name":"makefile","type":"file"},{"name":"link","type":"symlink"}]`)
	}))
	defer server.Close()
	clock, store := newClock(), &memory{}
	s := New(Config{URL: server.URL, Now: clock.Now, Store: store})

	changed, err := s.Refresh(t.Context())
	if err != nil || !changed {
		t.Fatalf("first: changed %v, error %v", changed, err)
	}
	want := List{Names: []string{"kafka", "redis"}, ETag: `"v1"`, FetchedAt: clock.now}
	if got := store.list(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("stored %v, want %v", got, want)
	}
	if got := listed(s); !slices.Equal(got, want.Names) {
		t.Errorf("listed %v", got)
	}

	clock.advance(59 * time.Minute)
	if changed, err := s.Refresh(t.Context()); changed || err != nil || len(asked) != 1 {
		t.Errorf("too early: changed %v, error %v, asked %d times", changed, err, len(asked))
	}
	clock.advance(time.Minute)
	if changed, err := s.Refresh(t.Context()); changed || err != nil || len(asked) != 2 {
		t.Errorf("not modified: changed %v, error %v, asked %d times", changed, err, len(asked))
	}
	want.FetchedAt = clock.now
	if got := store.list(t); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("not modified: stored %v, want %v", got, want)
	}
	if got := asked[1].Header; got.Get("User-Agent") != "cozy-telemetry-server" || got.Get("Accept") != "application/vnd.github+json" {
		t.Errorf("headers %v", got)
	}
}

func TestRefreshKeepsTheLastGoodList(t *testing.T) {
	answer := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			io.WriteString(w, body)
		}
	}
	many := make([]string, maxApps+1)
	for i := range many {
		many[i] = fmt.Sprintf("app-%d", i)
	}
	elsewhere := httptest.NewServer(answer(200, folder("evil")))
	defer elsewhere.Close()
	tests := []struct {
		name    string
		handler http.HandlerFunc
		want    error
	}{
		{"rate limit", answer(403, `{"message":"API rate limit exceeded"}`), ErrFetch},
		{"server error", answer(500, ""), ErrFetch},
		{"html", answer(200, "<!DOCTYPE html><title>hello</title>"), ErrBadList},
		{"an object", answer(200, `{"message":"moved"}`), ErrBadList},
		{"cut off", answer(200, folder("redis")[:20]), ErrBadList},
		{"huge", answer(200, folder(strings.Repeat("a", maxBody))), ErrFetch},
		{"empty", answer(200, "[]"), ErrBadList},
		{"odd names only", answer(200, folder("A", "a/b", "-", strings.Repeat("a", 64))), ErrBadList},
		{"too many", answer(200, folder(many...)), ErrBadList},
		{"another host", http.RedirectHandler(elsewhere.URL, http.StatusMovedPermanently).ServeHTTP, ErrFetch},
		{"round and round", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, ErrFetch},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, "[")
		}, ErrFetch},
		{"not modified, never asked for", answer(304, ""), ErrFetch},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				asked++
				tt.handler(w, r)
			}))
			defer server.Close()
			clock := newClock()
			good := List{Names: []string{"good"}, FetchedAt: clock.now.Add(-interval)}
			store := &memory{data: stored(t, good)}
			s := New(Config{URL: server.URL, Now: clock.Now, Store: store})
			if err := s.Load(); err != nil {
				t.Fatal(err)
			}
			changed, err := s.Refresh(t.Context())
			if changed || !errors.Is(err, tt.want) {
				t.Errorf("changed %v, error %v, want %v", changed, err, tt.want)
			}
			if got := listed(s); !slices.Equal(got, good.Names) {
				t.Errorf("listed %v", got)
			}
			if got := store.list(t); fmt.Sprint(got) != fmt.Sprint(good) {
				t.Errorf("stored %v", got)
			}
			before := asked
			clock.advance(interval - 1)
			if _, err := s.Refresh(t.Context()); err != nil || asked != before {
				t.Errorf("asked again within the hour, error %v", err)
			}
		})
	}
}

func TestRefreshFollowsTheSameHost(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/old", http.RedirectHandler("/new", http.StatusMovedPermanently))
	mux.HandleFunc("/new", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, folder("moved")) })
	server := httptest.NewServer(mux)
	defer server.Close()
	s := New(Config{URL: server.URL + "/old", Now: newClock().Now, Store: &memory{}})
	if changed, err := s.Refresh(t.Context()); !changed || err != nil {
		t.Fatalf("changed %v, error %v", changed, err)
	}
	if got := listed(s); !slices.Equal(got, []string{"moved"}) {
		t.Errorf("listed %v", got)
	}
}

func TestRefreshWithoutAddressAsksNobody(t *testing.T) {
	s := New(Config{Now: newClock().Now, Store: &memory{}})
	if changed, err := s.Refresh(t.Context()); changed || err != nil {
		t.Errorf("changed %v, error %v", changed, err)
	}
	s.Run(t.Context(), func(err error) { t.Error(err) }) // returns at once
}

func TestRefreshUsesWhatItCannotStore(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, folder("fresh")) }))
	defer server.Close()
	s := New(Config{URL: server.URL, Now: newClock().Now, Store: &memory{putErr: errDisk}})
	if changed, err := s.Refresh(t.Context()); !changed || !errors.Is(err, errDisk) {
		t.Errorf("changed %v, error %v", changed, err)
	}
	if got := listed(s); !slices.Equal(got, []string{"fresh"}) {
		t.Errorf("listed %v", got)
	}
}

// A clock that was 400 days ahead and is right again must not stop the asking.
func TestRefreshAsksAfterTheClockWasSetBack(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, folder("fresh")) }))
	defer server.Close()
	clock := newClock()
	store := &memory{data: stored(t, List{Names: []string{"old"}, FetchedAt: clock.now.AddDate(0, 0, 400)})}
	s := New(Config{URL: server.URL, Now: clock.Now, Store: store})
	if err := s.Load(); err != nil {
		t.Fatal(err)
	}
	if changed, err := s.Refresh(t.Context()); !changed || err != nil {
		t.Errorf("changed %v, error %v", changed, err)
	}
}

func TestLoad(t *testing.T) {
	tests := []struct {
		name  string
		store memory
		want  error
		names []string
	}{
		{"nothing stored", memory{}, nil, packagesApps},
		{"stored", memory{data: []byte(`{"names":["one","two"],"etag":"x","fetched_at":"2026-03-01T00:00:00Z"}`)}, nil, []string{"one", "two"}},
		{"store fails", memory{getErr: errDisk}, errDisk, packagesApps},
		{"no JSON", memory{data: []byte{0}}, ErrBadList, packagesApps},
		{"empty", memory{data: []byte{}}, ErrBadList, packagesApps},
		{"null", memory{data: []byte("null")}, ErrBadList, packagesApps},
		{"no names", memory{data: []byte(`{"names":[]}`)}, ErrBadList, packagesApps},
		{"odd name", memory{data: []byte(`{"names":["ok","<script>"]}`)}, ErrBadList, packagesApps},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := New(Config{Now: newClock().Now, Store: &tt.store})
			if err := s.Load(); !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			if got := listed(s); !slices.Equal(got, tt.names) {
				t.Errorf("listed %v, want %v", got, tt.names)
			}
		})
	}
}

// transport answers without a network, so that synctest sees all waiting.
type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestRunAsksHourly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var asked []time.Duration
		cfg := Config{URL: "http://github.invalid/", Now: time.Now, Store: &memory{}}
		cfg.Transport = transport(func(*http.Request) (*http.Response, error) {
			asked = append(asked, time.Since(start))
			if len(asked) == 2 {
				return nil, errDisk
			}
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(folder("redis")))}, nil
		})
		run := func(d time.Duration) (errs []error) {
			ctx, cancel := context.WithTimeout(t.Context(), d)
			defer cancel()
			s := New(cfg)
			if err := s.Load(); err != nil {
				t.Error(err)
			}
			s.Run(ctx, func(err error) { errs = append(errs, err) })
			return errs
		}
		// At 0:00 and, failing, at 1:00.
		if errs := run(90 * time.Minute); len(errs) != 1 || !errors.Is(errs[0], ErrFetch) {
			t.Errorf("errors %v", errs)
		}
		// A restart at 1:30 finds the list of 0:00 and may ask at once.
		for range 3 { // so may not those that follow at 1:40 and 1:50
			run(10 * time.Minute)
		}
		run(time.Hour) // from 2:00
		want := []time.Duration{0, time.Hour, 90 * time.Minute, 150 * time.Minute}
		if !slices.Equal(asked, want) {
			t.Errorf("asked at %v, want %v", asked, want)
		}
	})
}

func TestHangingServerIsGivenUp(t *testing.T) {
	hang := func(r *http.Request) error { <-r.Context().Done(); return r.Context().Err() }
	for name, roundTrip := range map[string]transport{
		"before the answer": func(r *http.Request) (*http.Response, error) { return nil, hang(r) },
		"within the answer": func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: io.NopCloser(readerFunc(func([]byte) (int, error) { return 0, hang(r) }))}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				s := New(Config{URL: "http://github.invalid/", Transport: roundTrip, Now: time.Now, Store: &memory{}})
				if _, err := s.Refresh(t.Context()); !errors.Is(err, ErrFetch) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("error %v", err)
				}
				if d := time.Since(start); d != fetchTimeout {
					t.Errorf("given up after %v", d)
				}
			})
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestRunEndsQuietlyWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		roundTrip := transport(func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() })
		s := New(Config{URL: "http://github.invalid/", Transport: roundTrip, Now: time.Now, Store: &memory{}})
		done := make(chan struct{})
		go func() {
			s.Run(ctx, func(err error) { t.Error(err) })
			close(done)
		}()
		synctest.Wait()
		cancel()
		<-done
	})
}

func TestReadersDoNotWaitForAFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		s := New(Config{URL: "http://github.invalid/", Now: time.Now, Store: &memory{}, Transport: transport(func(*http.Request) (*http.Response, error) {
			<-answer
			return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(folder("fresh")))}, nil
		})})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		for range 8 {
			wg.Go(func() { s.ByApp(map[string]int64{"Postgres": 1}) })
		}
		if got := s.App("PostgreSQL"); got != "postgres" {
			t.Errorf("while fetching: %q", got)
		}
		close(answer)
		wg.Wait()
		if got := listed(s); !slices.Equal(got, []string{"fresh"}) {
			t.Errorf("listed %v", got)
		}
	})
}
