package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// readBody returns the body of a request as plain text, at most max bytes of it.
// The bound holds for what comes over the wire and for what it unpacks to, so a
// bomb costs no more than its bound.
func readBody(r *http.Request, max int64) ([]byte, error) {
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if encoding != "" && encoding != "identity" && encoding != "gzip" {
		return nil, &Refusal{Status: http.StatusUnsupportedMediaType, Text: "Content-Encoding must be gzip or absent"}
	}
	if r.ContentLength > max {
		return nil, refuseBody(max)
	}
	body, err := readBounded(r.Body, max)
	var refusal *Refusal
	if err != nil && !errors.As(err, &refusal) {
		return nil, badBody("the body could not be read to its end", err)
	}
	if err != nil || encoding != "gzip" {
		return body, err
	}
	return gunzip(body, max)
}

func refuseBody(max int64) error { return refuseLimit("the body is larger than %d bytes", max) }

func gunzip(body []byte, max int64) ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, badBody("the gzip body is damaged", err)
	}
	plain, err := readBounded(zip, max)
	var refusal *Refusal
	if err != nil && !errors.As(err, &refusal) {
		return nil, badBody("the gzip body is damaged or cut off", err)
	}
	return plain, err
}

// readBounded reads up to max bytes; one more is a *Refusal.
func readBounded(r io.Reader, max int64) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(body)) > max {
		return nil, refuseBody(max)
	}
	return body, nil
}

func badBody(text string, cause error) error {
	return &Refusal{Status: http.StatusBadRequest, Text: text, Cause: fmt.Errorf("read body: %w", cause)}
}
