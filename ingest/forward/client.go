package forward

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Outcome sorts what a receiver made of a request.
type Outcome string

const (
	// Delivered: the receiver took it.
	Delivered Outcome = "delivered"
	// Rejected: the receiver will never take it, however often it is sent, but
	// takes an empty request. Its blocks are sent in smaller requests, until a
	// single one is left, which is dropped.
	Rejected Outcome = "rejected"
	// Oversized: the receiver takes no request as large as this. What it held is
	// sent in smaller ones.
	Oversized Outcome = "oversized"
	// Misconfigured: the URL or its credentials are wrong, or the receiver refuses
	// even a request without samples. The samples wait until that is corrected.
	Misconfigured Outcome = "misconfigured"
	// Retry: the receiver can't take it now.
	Retry Outcome = "retry"
)

// Outcomes returns all outcomes.
func Outcomes() []Outcome {
	return []Outcome{Delivered, Rejected, Oversized, Misconfigured, Retry}
}

const (
	// maxReply bounds what is read of an answer's text, for the log.
	maxReply = 1 << 10
	// maxRetryAfter bounds what a receiver can ask for.
	maxRetryAfter = 10 * time.Minute
)

// reply is what came of one request.
type reply struct {
	outcome    Outcome
	retryAfter time.Duration // 0 if the receiver asked for none
	err        error         // nil if delivered
}

// client posts lines to one URL.
type client struct {
	url     string
	http    *http.Client
	timeout time.Duration
}

func newClient(url string, config Config) client {
	return client{
		url:     url,
		timeout: config.Timeout,
		http: &http.Client{
			Transport: config.Transport,
			// A redirect would carry the samples to a host that nobody named.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// send posts lines as a gzip stream.
func (c client) send(ctx context.Context, lines []byte) reply {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(lines))
	if err != nil {
		return reply{outcome: Misconfigured, err: err}
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("Content-Encoding", "gzip")
	resp, err := c.http.Do(req)
	if err != nil {
		return reply{outcome: Retry, err: withoutURL(err)}
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	return sortReply(resp, string(text))
}

// probe tells what the receiver makes of a request without samples. One that
// refuses it is not to blame on samples.
func (c client) probe(ctx context.Context) reply {
	r := c.send(ctx, emptyMember)
	if r.outcome == Rejected || r.outcome == Oversized {
		r.outcome = Misconfigured
	}
	return r
}

// withoutURL takes the URL out of an error: it may hold a password.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// sortReply sorts answers as vmagent does. Whether it is the samples that are
// rejected, only a probe can tell.
func sortReply(resp *http.Response, text string) reply {
	status := resp.StatusCode
	if status/100 == 2 {
		return reply{outcome: Delivered}
	}
	r := reply{outcome: Retry, err: fmt.Errorf("answer %d: %q", status, strings.TrimSpace(text))}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusNotFound,
		status == http.StatusMethodNotAllowed, status/100 == 3:
		r.outcome = Misconfigured
	case status == http.StatusRequestEntityTooLarge:
		r.outcome = Oversized
	case status == http.StatusBadRequest, status == http.StatusConflict, status == http.StatusUnprocessableEntity:
		r.outcome = Rejected
	default:
		r.retryAfter = retryAfter(resp.Header.Get("Retry-After"))
	}
	return r
}

// retryAfter reads the header's seconds; a date, which VictoriaMetrics does not
// send, counts as absent.
func retryAfter(header string) time.Duration {
	seconds, err := strconv.Atoi(header)
	if err != nil || seconds < 0 {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxRetryAfter)
}
