package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
)

// quietTime is longer than vmagent keeps samples before it sends them.
const quietTime = 1500 * time.Millisecond

// sink takes everything that is forwarded, and answers 204 at once.
type sink struct {
	url      string
	server   *http.Server
	requests atomic.Int64
}

func startSink() (*sink, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	s := &sink{url: "http://" + l.Addr().String()}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: time.Minute}
	go s.server.Serve(l) // until close
	return s, nil
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // a sender that breaks off tries again
	s.requests.Add(1)
	w.WriteHeader(http.StatusNoContent)
}

func (s *sink) close() { s.server.Close() }

// quiet waits until nothing has come for a while.
func (s *sink) quiet(ctx context.Context) error {
	seen := int64(-1)
	return child.Await(ctx, quietTime, func(context.Context) (bool, error) {
		now := s.requests.Load()
		quiet := now == seen
		seen = now
		return quiet, nil
	})
}
