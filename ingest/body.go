package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// presized bounds the memory that a Content-Length gets before any of the body
// has come.
const presized = 64 << 10

// bodyReader reads bodies of at most max bytes. It may be used concurrently.
type bodyReader struct {
	max  int64
	zips sync.Pool // of *gzip.Reader, which are large
}

// read reads the body of a request into b.body, as plain text. The bound holds
// for what comes over the wire and for what it unpacks to, so a bomb costs no
// more than its bound.
func (br *bodyReader) read(r *http.Request, b *buffers) error {
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if encoding != "" && encoding != "identity" && encoding != "gzip" {
		return &Refusal{Status: http.StatusUnsupportedMediaType, Text: "Content-Encoding must be gzip or absent"}
	}
	if r.ContentLength > br.max {
		return refuseBody(br.max)
	}
	wire := &b.body
	if encoding == "gzip" {
		wire = &b.zipped
	}
	// One byte more lets the reader see the end without growing.
	*wire = slices.Grow((*wire)[:0], int(min(max(r.ContentLength, 0), presized))+1)
	if err := readBounded(wire, r.Body, br.max); err != nil {
		return bodyRefusal("the body could not be read to its end", err)
	}
	if encoding == "gzip" {
		return br.unzip(b)
	}
	return nil
}

// unzip unpacks b.zipped into b.body.
func (br *bodyReader) unzip(b *buffers) error {
	zip, ok := br.zips.Get().(*gzip.Reader)
	if !ok {
		zip = new(gzip.Reader)
	}
	defer br.zips.Put(zip)
	if err := zip.Reset(bytes.NewReader(b.zipped)); err != nil {
		return bodyRefusal("the gzip body is damaged", err)
	}
	b.body = b.body[:0]
	if err := readBounded(&b.body, zip, br.max); err != nil {
		return bodyRefusal("the gzip body is damaged or cut off", err)
	}
	return nil
}

// readBounded appends up to max bytes to an empty buffer; one more is a *Refusal.
func readBounded(into *[]byte, r io.Reader, max int64) error {
	buf := *into
	for int64(len(buf)) <= max {
		buf = slices.Grow(buf, 1)
		n, err := r.Read(buf[len(buf):min(int64(cap(buf)), max+1)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	*into = buf
	if int64(len(buf)) > max {
		return refuseBody(max)
	}
	return nil
}

func refuseBody(max int64) error { return refuseLimit("the body is larger than %d bytes", max) }

// bodyRefusal refuses a body that could not be read, for text, unless the error
// is a refusal already.
func bodyRefusal(text string, err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return &Refusal{Status: http.StatusBadRequest, Text: text, Cause: fmt.Errorf("read body: %w", withoutPeer(err))}
}

// withoutPeer takes the addresses out of a network error: no address is logged.
func withoutPeer(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
