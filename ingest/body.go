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

// minBody is how much a body's memory is at least.
const minBody = 512

// bodyReader reads bodies of at most max bytes. It may be used concurrently.
type bodyReader struct {
	max    int64
	budget *budget
	zips   sync.Pool // of *gzip.Reader, which are large
}

// read reads the body of a request into b.body, as plain text. The bound holds
// for what comes over the wire and for what it unpacks to, so a bomb costs no
// more than its bound.
func (br *bodyReader) read(r *http.Request, b *buffers) error {
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if encoding != "" && encoding != "identity" && encoding != "gzip" {
		return &Refusal{Status: http.StatusUnsupportedMediaType, Reason: BadEncoding, Text: "Content-Encoding must be gzip or absent"}
	}
	if r.ContentLength > br.max {
		return refuseBody(br.max)
	}
	wire := &b.body
	if encoding == "gzip" {
		wire = &b.zipped
	}
	// One byte more lets the reader see the end without growing. A Content-Length
	// alone gets no more than that.
	*wire = slices.Grow((*wire)[:0], int(min(max(r.ContentLength, 0), ownBytes-1))+1)
	if err := br.fill(b, wire, r.Body); err != nil {
		return bodyRefusal("the body could not be read to its end", err)
	}
	if encoding == "gzip" {
		return br.unzip(b)
	}
	return nil
}

// begin does what read does, but of a plain body that is longer than a request may hold it
// reads the beginning only, and returns a reader of what follows. The errors of that are
// refusals.
func (br *bodyReader) begin(r *http.Request, b *buffers) (rest io.Reader, err error) {
	whole := r.Body
	zipped := r.Header.Get("Content-Encoding") != ""
	if !zipped {
		r.Body = io.NopCloser(io.LimitReader(whole, ownBytes-1))
		defer func() { r.Body = whole }()
	}
	if err := br.read(r, b); err != nil || zipped || len(b.body) < ownBytes-1 {
		return nil, err
	}
	if err := br.budget.claim(b, streamBytes); err != nil {
		return nil, err
	}
	return &following{of: whole, left: br.max - (ownBytes - 1), max: br.max}, nil
}

// following reads what is left of a body of at most max bytes.
type following struct {
	of        io.Reader
	left, max int64
}

// Read returns a *Refusal for an error.
func (f *following) Read(p []byte) (n int, err error) {
	n, err = f.of.Read(p[:min(int64(len(p)), f.left+1)])
	if f.left -= int64(n); f.left < 0 {
		return 0, refuseBody(f.max)
	}
	if err != nil && err != io.EOF {
		err = bodyRefusal("the body could not be read to its end", err)
	}
	return n, err
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
	if err := br.fill(b, &b.body, zip); err != nil {
		return bodyRefusal("the gzip body is damaged or cut off", err)
	}
	return nil
}

// fill reads all of r into one of the request's buffers, which is empty. More
// than max bytes are a *Refusal.
func (br *bodyReader) fill(b *buffers, into *[]byte, r io.Reader) error {
	buf := *into
	for int64(len(buf)) <= br.max {
		if len(buf) == cap(buf) {
			var err error
			if buf, err = br.enlarge(b, buf); err != nil {
				return err
			}
		}
		n, err := r.Read(buf[len(buf):min(int64(cap(buf)), br.max+1)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			break
		}
		// What is too long and broken too is too long, however it was read.
		if err != nil && int64(len(buf)) <= br.max {
			return err
		}
	}
	*into = buf
	if int64(len(buf)) > br.max {
		return refuseBody(br.max)
	}
	return nil
}

// enlarge doubles a full buffer, at the budget's cost if the body is large.
func (br *bodyReader) enlarge(b *buffers, buf []byte) ([]byte, error) {
	size := min(max(2*int64(cap(buf)), minBody), br.max+1)
	if size > ownBytes {
		if err := br.budget.claim(b, size-int64(cap(buf))); err != nil {
			return nil, err
		}
	}
	return append(make([]byte, 0, size), buf...), nil
}

func refuseBody(max int64) error { return refuseLimit("the body is larger than %d bytes", max) }

// bodyRefusal refuses a body that could not be read, for text, unless the error
// is a refusal already.
func bodyRefusal(text string, err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return &Refusal{Status: http.StatusBadRequest, Reason: BadBody, Text: text, Cause: fmt.Errorf("read body: %w", withoutPeer(err))}
}

// withoutPeer takes the addresses out of a network error: no address is logged.
func withoutPeer(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}
