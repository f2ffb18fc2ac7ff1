package ingest

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Reason sorts refusals. There are no others than Reasons returns, so that it can
// label a metric.
type Reason string

const (
	BadID       Reason = "id"          // X-Cluster-ID is missing or malformed
	BadBody     Reason = "body"        // the body could not be read or unpacked
	BadEncoding Reason = "encoding"    // another Content-Encoding
	BadLine     Reason = "line"        // a line does not parse, or its value is no count
	BadField    Reason = "field"       // a field of a product's report is wrong, or the body is none
	TooMuch     Reason = "limit"       // a limit on the size of a report
	Implausible Reason = "implausible" // figures that no cluster has
	TooMany     Reason = "sender"      // a limit per sender
	Busy        Reason = "busy"        // too many reports in flight
	NotStored   Reason = "store"       // the file could not be written
)

// Reasons returns all reasons.
func Reasons() []Reason {
	return []Reason{BadID, BadBody, BadEncoding, BadLine, BadField, TooMuch, Implausible, TooMany, Busy, NotStored}
}

// Refusal is why a report was not taken. Text is for the client and says nothing
// of the server's inside; Cause, if any, is for the log.
type Refusal struct {
	// Status is the HTTP status of the answer.
	Status int
	Reason Reason
	Text   string
	Cause  error
	// RetryAfter, if not 0, tells the client when to try again.
	RetryAfter time.Duration
}

func (r *Refusal) Error() string {
	if r.Cause != nil {
		return fmt.Sprintf("ingest: %s: %v", r.Text, r.Cause)
	}
	return "ingest: " + r.Text
}

func (r *Refusal) Unwrap() error { return r.Cause }

// refuseLine refuses a report for one of its lines, counted from 1.
func refuseLine(line int, reason string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Reason: BadLine, Text: fmt.Sprintf("line %d: %s", line, reason)}
}

// refuseLimit refuses a report that is over a limit, named as its flag is.
func refuseLimit(format string, args ...any) *Refusal {
	return &Refusal{Status: http.StatusRequestEntityTooLarge, Reason: TooMuch, Text: fmt.Sprintf(format, args...)}
}

// refusalAt refuses a report for what is wrong with one of its lines, unless the
// error is a refusal already.
func refusalAt(line int, err error) *Refusal {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return refuseLine(line, err.Error())
}
