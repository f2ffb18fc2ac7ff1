package promapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"time"
)

var (
	// ErrTooLarge is returned for an answer above [Config].Bytes.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrEndless is returned by Stream for an answer that ends when the connection
	// does: it may have been cut off.
	ErrEndless = errors.New("an answer of which the end can't be told")
)

// StatusError is returned for an answer with another status than 200. Redirects are
// not followed, so they are among them.
type StatusError struct {
	Code int
	// After is how long to wait before the next question, if the answer says so.
	After time.Duration
}

func (e *StatusError) Error() string {
	if e.Code/100 == 3 {
		return fmt.Sprintf("answer with status %d: a redirect is not followed", e.Code)
	}
	return fmt.Sprintf("answer with status %d", e.Code)
}

func statusError(resp *http.Response) error {
	seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
	if err != nil {
		seconds = 0
	}
	// Within years: more seconds than that make no duration.
	return &StatusError{resp.StatusCode, time.Duration(max(0, min(seconds, math.MaxInt32))) * time.Second}
}

// unknownPath tells whether an error may be that of a path which the server does
// not have: 400 and 404 are what the single-node VictoriaMetrics answers on a path
// of the cluster, and the other way round.
func unknownPath(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && (status.Code == http.StatusBadRequest || status.Code == http.StatusNotFound)
}

// plain makes an error of what has another status than 200, before a client
// follows it.
type plain struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t plain) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := t.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, statusError(resp)
	}
	return resp, nil
}

// strict asks for a whole, fresh answer of the Prometheus API, and makes an error of
// any other one, before the library gets to see it.
type strict struct {
	plain
	bytes int64
}

// RoundTrip implements http.RoundTripper.
func (t strict) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	q := req.URL.Query()
	q.Set("deny_partial_response", "1")
	// Without it VictoriaMetrics hides the samples of the last 30 seconds.
	q.Set("nocache", "1")
	req.URL.RawQuery = q.Encode()

	resp, err := t.plain.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, t.bytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > t.bytes {
		return nil, fmt.Errorf("%w: above %d bytes", ErrTooLarge, t.bytes)
	}
	if err := checkWhole(body); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// checkWhole looks for what the library takes for good, or hands on to nobody.
func checkWhole(body []byte) error {
	var envelope struct {
		Status    string   `json:"status"`
		Error     string   `json:"error"`
		IsPartial bool     `json:"isPartial"`
		Warnings  []string `json:"warnings"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return fmt.Errorf("answer is not the JSON that it should be: %w", err)
	}
	switch {
	case envelope.Status != "success":
		return fmt.Errorf("answer with status %q: %s", envelope.Status, envelope.Error)
	case envelope.IsPartial:
		return errors.New("answer is partial")
	case len(envelope.Warnings) > 0:
		// Thanos tells by a warning that a part of its stores did not answer.
		return fmt.Errorf("answer with a warning: %s", envelope.Warnings[0])
	}
	return nil
}

// tellsItsEnd reports whether an answer that is cut off ends with an error: it
// has a length, or ends with a mark. An HTTP/1 answer with neither ends when the
// connection does, for whatever reason.
func tellsItsEnd(resp *http.Response) bool {
	return resp.ProtoMajor >= 2 || resp.Uncompressed || resp.ContentLength >= 0 || len(resp.TransferEncoding) > 0
}
