package promapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
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

// JSON asks for a whole, fresh answer of the Prometheus API, and decodes its field
// data into what data points to. The form gets the parameters for that.
func (c *Client) JSON(ctx context.Context, path string, form url.Values, data any) error {
	form.Set("deny_partial_response", "1")
	// Without it VictoriaMetrics hides the samples of the last 30 seconds.
	form.Set("nocache", "1")
	return c.ask(ctx, path, form, func(resp *http.Response) error {
		body, err := io.ReadAll(io.LimitReader(resp.Body, c.cfg.Bytes+1))
		if err != nil {
			return err
		}
		if int64(len(body)) > c.cfg.Bytes {
			return fmt.Errorf("%w: above %d bytes", ErrTooLarge, c.cfg.Bytes)
		}
		return decode(body, data)
	})
}

func decode(body []byte, data any) error {
	envelope := struct {
		Status    string   `json:"status"`
		Error     string   `json:"error"`
		IsPartial bool     `json:"isPartial"`
		Warnings  []string `json:"warnings"`
		Data      any      `json:"data"`
	}{Data: data}
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

// Stream asks for an answer of any length, and lets read have it as it comes. What
// read has had of an answer that was cut off ends with an error.
func (c *Client) Stream(ctx context.Context, path string, form url.Values, read func(io.Reader) error) error {
	return c.ask(ctx, path, form, func(resp *http.Response) error {
		if !tellsItsEnd(resp) {
			return ErrEndless
		}
		return read(resp.Body)
	})
}

// tellsItsEnd reports whether an answer that is cut off ends with an error: it
// has a length, or ends with a mark. An HTTP/1 answer with neither ends when the
// connection does, for whatever reason.
func tellsItsEnd(resp *http.Response) bool {
	return resp.ProtoMajor >= 2 || resp.Uncompressed || resp.ContentLength >= 0 || len(resp.TransferEncoding) > 0
}
