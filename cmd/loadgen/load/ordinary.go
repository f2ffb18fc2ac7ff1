package load

import (
	"bytes"
	"context"
	"io"
	"net/http"
)

// client sends reports one after the other.
type client interface {
	// post sends one report and returns the answer's status code.
	post(ctx context.Context, cluster string, report []byte) (status int, err error)
	close()
}

// ordinary sends as programs in Go do: by net/http. It may be used concurrently. It costs
// about as much as the server under test, on the same CPUs, so it shows what is left of a
// server that has to share them.
type ordinary struct {
	http *http.Client
	url  string
	gzip bool
}

func newOrdinary(url string, gzip bool, conns int) *ordinary {
	return &ordinary{
		http: &http.Client{
			Transport: &http.Transport{MaxConnsPerHost: conns, MaxIdleConnsPerHost: conns},
			Timeout:   requestTimeout,
		},
		url:  url,
		gzip: gzip,
	}
}

func (o *ordinary) post(ctx context.Context, cluster string, report []byte) (status int, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.url, bytes.NewReader(report))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("X-Cluster-ID", cluster)
	if o.gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	resp, err := o.http.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	// What was answered is known, and a connection that broke is made anew.
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, nil
}

// close is called by each that sends, once it has no more to send.
func (o *ordinary) close() { o.http.CloseIdleConnections() }
