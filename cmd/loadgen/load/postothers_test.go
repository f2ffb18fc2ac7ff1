package load

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
)

// A server that takes a report and does not answer is given up.
func TestSlowAnswerToOthersIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		go io.Copy(io.Discard, far)
		defer near.Close()
		transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return near, nil }}
		start := time.Now()
		_, err := postOther(t.Context(), transport, &url.URL{Scheme: "http", Host: "127.0.0.1:1"},
			others.Report{Method: http.MethodPost, Path: "/", Header: http.Header{}, Body: []byte("{}")})
		if d := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || d != requestTimeout {
			t.Errorf("%v after %v", err, d)
		}
	})
}
