// Package httpanswer is how all that is published is sent: rendered once, compressed once,
// named by an ETag, for pages of every site to read, and kept by browsers for as long as it
// holds.
//
// [New] renders an [Answer], [Answer.Write] sends it, [Register] answers the methods that all
// of these addresses have, and [Refuse] says why there is no answer.
package httpanswer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"strconv"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
)

// Types of content.
const (
	JSON = "application/json"
	CSV  = "text/csv; charset=utf-8"
	HTML = "text/html; charset=utf-8"
)

const (
	allowedMethods = "GET, HEAD, OPTIONS"
	// retryAfter is the advice, in seconds, to clients that can't be answered now.
	retryAfter = "30"
	// A browser may keep an answer that still grows for a minute.
	cachePassing = "public, max-age=1"
	cacheGrowing = "public, max-age=60"
	cacheSettled = "public, max-age=3600"
	cacheForever = "public, max-age=31536000, immutable"
)

// Answer is rendered, and ready to be sent many times. It must not be changed any more once
// it was sent. [New] makes one.
type Answer struct {
	// Type is that of the content, Body the content.
	Type string
	Body []byte
	// Gzip is the body compressed; nil where that makes nothing smaller.
	Gzip []byte
	// ETag is weak: it names the content, in whichever encoding.
	ETag string
	// Settled is set where the content will hardly change, Forever where its address changes
	// with it, Passing where it lacks what is just being counted.
	Settled, Forever, Passing bool
	// Header has what else is sent with it; nil is nothing.
	Header http.Header
}

// New returns the answer with a body, which it keeps.
func New(contentType string, body []byte, settled bool) *Answer {
	sum := sha256.Sum256(body)
	a := &Answer{Type: contentType, Body: body, ETag: fmt.Sprintf(`W/"%x"`, sum[:12]), Settled: settled}
	if zipped := compress(body); len(zipped) < len(body) {
		a.Gzip = zipped
	}
	return a
}

func compress(body []byte) []byte {
	var zipped bytes.Buffer
	// The level is one that there is, and writes to a buffer do not fail.
	z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	_, _ = z.Write(body)
	_ = z.Close()
	return zipped.Bytes()
}

// Write sends the answer, or that the client has it already. Headers of the caller that are
// set before stay.
func (a *Answer) Write(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	maps.Copy(h, a.Header)
	h.Set("ETag", a.ETag)
	if a.Gzip != nil {
		h.Set("Vary", "Accept-Encoding")
	}
	h.Set("Cache-Control", a.caching())
	if matches(r.Header.Values("If-None-Match"), a.ETag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := a.Body
	if a.Gzip != nil && acceptsGzip(r.Header.Values("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = a.Gzip
	}
	h.Set("Content-Type", a.Type)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		// Nobody is left to tell of a connection that broke.
		_, _ = w.Write(body)
	}
}

func (a *Answer) caching() string {
	switch {
	case a.Passing:
		return cachePassing
	case a.Forever:
		return cacheForever
	case a.Settled:
		return cacheSettled
	}
	return cacheGrowing
}

// resource answers every method of an address that is read: GET and HEAD by get, OPTIONS,
// and the others with 405. Every answer lets pages of other sites read it.
func resource(get http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", "*")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			get(w, r)
		case http.MethodOptions:
			h.Set("Allow", allowedMethods)
			h.Set("Access-Control-Allow-Methods", allowedMethods)
			w.WriteHeader(http.StatusNoContent)
		default:
			h.Set("Allow", allowedMethods)
			jsonerror.Write(w, http.StatusMethodNotAllowed, "method not allowed")
		}
	})
}

// Refuse answers with an error. A 503 says when to try again.
func Refuse(w http.ResponseWriter, status int, text string) {
	advise(w, status)
	jsonerror.Write(w, status, text)
}

// RefusePage answers with an error that people look at. A 503 says when to try again.
func RefusePage(w http.ResponseWriter, r *http.Request, status int, page []byte) {
	advise(w, status)
	h := w.Header()
	h.Set("Content-Type", HTML)
	h.Set("Content-Length", strconv.Itoa(len(page)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(page)
	}
}

func advise(w http.ResponseWriter, status int) {
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
}
