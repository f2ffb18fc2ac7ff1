package load

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// page serves a body and calls seen with the number of each request.
func page(t *testing.T, seen func(n int64) (status int)) string {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, err := io.ReadAll(r.Body); r.Method != http.MethodGet || r.URL.String() != "/page?a=b" || len(body) > 0 || err != nil {
			t.Errorf("%s %s, body %q, error %v", r.Method, r.URL, body, err)
		}
		w.WriteHeader(seen(requests.Add(1)))
		io.WriteString(w, "some text")
	}))
	t.Cleanup(server.Close)
	return server.URL + "/page?a=b"
}

func TestGet(t *testing.T) {
	for name, o := range map[string]GetOptions{
		"fast":      {Count: 500, Conns: 3},
		"at a rate": {Count: 20, Rate: 200},
	} {
		t.Run(name, func(t *testing.T) {
			o.URL = page(t, func(n int64) int {
				if n%5 == 0 {
					return http.StatusServiceUnavailable
				}
				return http.StatusOK
			})
			o.Now = time.Now
			r, err := Get(t.Context(), o)
			if err != nil || r.Requests != o.Count || r.Codes[503] != o.Count/5 || r.Codes[200] != o.Count-o.Count/5 || r.Errors > 0 {
				t.Errorf("error %v, result %+v", err, r)
			}
			if r.P50 <= 0 || r.P99 > r.Max || o.Rate > 0 && r.Elapsed < 95*time.Millisecond {
				t.Errorf("latencies %v %v %v of %v", r.P50, r.P99, r.Max, r.Elapsed)
			}
		})
	}
}

// A header is sent with each request, as a browser's is.
func TestGetSendsHeaders(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") == "gzip" && r.Header.Get("If-None-Match") == `"x"` {
			w.WriteHeader(http.StatusNotModified)
		}
	}))
	defer server.Close()
	r, err := Get(t.Context(), GetOptions{
		URL: server.URL, Count: 7, Conns: 2, Now: time.Now, Header: http.Header{"If-None-Match": {`"x"`}, "Accept-Encoding": {"gzip"}},
	})
	if err != nil || r.Codes[http.StatusNotModified] != 7 {
		t.Errorf("error %v, answers %v", err, r.Codes)
	}
}

func TestGetIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := page(t, func(n int64) int {
		if n == 20 {
			cancel()
		}
		return http.StatusOK
	})
	r, err := Get(ctx, GetOptions{URL: url, Conns: 2, Count: 100_000, Now: time.Now})
	if !errors.Is(err, context.Canceled) || r.Requests < 18 || r.Requests > 30 || r.Errors > 0 {
		t.Errorf("error %v, result %+v", err, r)
	}
}

func TestGetRefusesOptions(t *testing.T) {
	for name, tt := range map[string]struct {
		o    GetOptions
		want error
	}{
		"no count":             {GetOptions{URL: "http://127.0.0.1:1"}, ErrOptions},
		"negative rate":        {GetOptions{URL: "http://127.0.0.1:1", Count: 1, Rate: -1}, ErrOptions},
		"negative connections": {GetOptions{URL: "http://127.0.0.1:1", Count: 1, Conns: -1}, ErrOptions},
		"no address":           {GetOptions{URL: "page", Count: 1}, ErrURL},
	} {
		tt.o.Now = time.Now
		if _, err := Get(t.Context(), tt.o); !errors.Is(err, tt.want) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
