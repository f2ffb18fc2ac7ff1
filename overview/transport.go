package overview

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// errUnknownPath is returned for 400 and 404: what the single-node VictoriaMetrics
// answers on a path of the cluster, and the other way round.
var errUnknownPath = errors.New("the path may be unknown")

// strictTransport asks for whole, fresh answers and turns everything else into
// an error, before the API client gets to see it: other statuses than 200 (so
// that redirects are not followed either), partial answers, bodies above a
// bound.
type strictTransport struct {
	next     http.RoundTripper
	maxBytes int64
}

// RoundTrip implements http.RoundTripper.
func (t strictTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	q := req.URL.Query()
	q.Set("deny_partial_response", "1")
	// Without it VictoriaMetrics hides the samples of the last 30 seconds.
	q.Set("nocache", "1")
	req.URL.RawQuery = q.Encode()

	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, t.maxBytes+1))
	if err != nil {
		return nil, err
	}
	if err := t.check(resp.StatusCode, body); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func (t strictTransport) check(status int, body []byte) error {
	if int64(len(body)) > t.maxBytes {
		return fmt.Errorf("answer above %d bytes", t.maxBytes)
	}
	if status == http.StatusBadRequest || status == http.StatusNotFound {
		return fmt.Errorf("answer with status %d: %w", status, errUnknownPath)
	}
	if status != http.StatusOK {
		return fmt.Errorf("answer with status %d", status)
	}
	var envelope struct {
		IsPartial bool `json:"isPartial"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return fmt.Errorf("answer is not JSON: %w", err)
	}
	if envelope.IsPartial {
		return errors.New("answer is partial")
	}
	return nil
}
