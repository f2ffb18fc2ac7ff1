package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Every message arrives once, as it is, and its answer is told.
func TestSend(t *testing.T) {
	var mu sync.Mutex
	got, told := map[string]int{}, map[int]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		got[fmt.Sprint(r.Header.Get("X-Cluster-ID"), r.Header["X-Forwarded-For"], r.Header["Content-Encoding"], string(body))]++
		mu.Unlock()
		if string(body) == "body-3" {
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}))
	defer server.Close()
	r, err := Send(t.Context(), SendOptions{URL: server.URL, Conns: 4, Every: time.Millisecond, Now: time.Now,
		Next: func(n int) (Message, bool) {
			m := Message{Cluster: fmt.Sprint("id-", n), Body: fmt.Append(nil, "body-", n)}
			if n%2 == 0 {
				m.From, m.Zipped = fmt.Sprint("198.51.100.", n), true
			}
			return m, n < 10
		},
		Answered: func(n, status int) {
			mu.Lock()
			told[n] = status
			mu.Unlock()
		},
	})
	if err != nil || r.Requests != 10 || r.Codes[200] != 9 || r.Codes[429] != 1 || r.Elapsed < 9*time.Millisecond {
		t.Errorf("error %v, result %+v", err, r)
	}
	if len(got) != 10 || got["id-4[198.51.100.4] [gzip]body-4"] != 1 || got["id-5[] []body-5"] != 1 {
		t.Errorf("got %v", got)
	}
	if len(told) != 10 || told[3] != http.StatusTooManyRequests || told[4] != http.StatusOK {
		t.Errorf("told %v", told)
	}
}

func TestSendIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	r, err := Send(ctx, SendOptions{URL: server.URL, Now: time.Now, Next: func(n int) (Message, bool) {
		if n == 50 {
			cancel()
		}
		return Message{Cluster: "endless"}, true
	}})
	if !errors.Is(err, context.Canceled) || r.Errors > 0 || r.Codes[200] != r.Requests {
		t.Errorf("error %v, result %+v", err, r)
	}
}

func TestSendRefusesOptions(t *testing.T) {
	for _, o := range []SendOptions{{URL: "ftp://127.0.0.1/"}, {URL: "http://127.0.0.1/", Conns: -1}, {URL: "http://127.0.0.1/", Every: -1}} {
		o.Now = time.Now
		if _, err := Send(t.Context(), o); !errors.Is(err, ErrOptions) && !errors.Is(err, ErrURL) {
			t.Errorf("%+v: error %v", o, err)
		}
	}
}
