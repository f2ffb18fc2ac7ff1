package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/ingest/jsonerror"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// DefaultParses is how many reports are parsed at the same time, if nothing else is
// said.
const DefaultParses = 8

// retryAfterFailure is when a client is told to try again after a failed commit.
const retryAfterFailure = 30 * time.Second

// Recorder keeps reports. Methods may be called concurrently.
type Recorder interface {
	// Record merges a report into the rollups and queues lines, unless they are
	// empty, to be forwarded. It returns nil only when both are on disk. Then it
	// keeps neither the report's samples nor lines, apart from the strings in them;
	// their memory is used again. After an error, such as that of ctx, it may still
	// be at work on them.
	Record(ctx context.Context, report rollup.Report, lines []byte) error
	// Known tells whether an instance has reported in the last days.
	Known(product, instance string, now time.Time) (bool, error)
}

// Result tells of one request that the handler has answered.
type Result struct {
	// Status is the answer's HTTP status.
	Status int
	// Samples and Dropped count what was taken, and what was left out for its
	// metric's name.
	Samples, Dropped int
	// Err is why the report was not taken, nil if it was.
	Err error
	// Reason sorts Err; empty without one.
	Reason Reason
}

// Config tunes a Handler. Now is required; the zero value of all else is a good
// default.
type Config struct {
	// Now is the clock that stamps reports.
	Now func() time.Time
	// Lines appends a report to b as it is queued to be forwarded. Nil: nothing is.
	Lines  func(b []byte, r rollup.Report) []byte
	Limits Limits
	// Senders bounds the senders; nil means no such limits.
	Senders *SenderLimits
	// Parses bounds the reports that are parsed at the same time, of which at most
	// half are large ones. 0 means DefaultParses.
	Parses int
	// OnResult, if set, is told of every request, before its answer is sent.
	OnResult func(Result)
}

// Handler answers POST /.
type Handler struct {
	config   Config
	recorder Recorder
	senders  *senders // nil without limits
	bodies   bodyReader
	parser   *Parser
	budget   *budget
	seed     maphash.Seed // of the reports' digests
	buffers  sync.Pool    // of *buffers
}

// NewHandler returns the handler that records into recorder. It fails on
// impossible limits.
func NewHandler(recorder Recorder, config Config) (*Handler, error) {
	config.Limits = config.Limits.withDefaults()
	if err := config.Limits.Check(); err != nil {
		return nil, err
	}
	config.Parses = cmp.Or(config.Parses, DefaultParses)
	if config.OnResult == nil {
		config.OnResult = func(Result) {}
	}
	budget := newBudget(config.Limits, config.Parses)
	h := &Handler{
		config:   config,
		recorder: recorder,
		bodies:   bodyReader{max: config.Limits.BodyBytes, budget: budget},
		budget:   budget,
		parser:   NewParser(config.Limits, config.Parses),
		seed:     maphash.MakeSeed(),
	}
	if config.Senders != nil {
		var err error
		if h.senders, err = newSenders(*config.Senders, h.known); err != nil {
			return nil, fmt.Errorf("ingest: limits of senders: %w", err)
		}
	}
	return h, nil
}

// known asks the recorder for an id. A recorder that can't answer lets it pass:
// the write that follows shows what is wrong.
func (h *Handler) known(id string) bool {
	known, err := h.recorder.Known(rollup.Cozystack, id, h.config.Now())
	return known || err != nil
}

// ServeHTTP takes the report of a POST.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	result := Result{Status: http.StatusOK}
	result.Samples, result.Dropped, result.Err = h.take(r)
	if result.Err == nil {
		h.config.OnResult(result)
		w.WriteHeader(http.StatusOK)
		return
	}
	refusal := refusalOf(result.Err)
	result.Status, result.Reason = refusal.Status, refusal.Reason
	h.config.OnResult(result)
	answer(w, refusal)
}

// take carries a request from its header to the disk.
func (h *Handler) take(r *http.Request) (samples, dropped int, err error) {
	id, err := clusterID(r.Header)
	if err != nil {
		return 0, 0, err
	}
	if h.senders != nil {
		if err := h.senders.admit(id, r, h.config.Now()); err != nil {
			return 0, 0, err
		}
	}
	b, ok := h.buffers.Get().(*buffers)
	if !ok {
		b = new(buffers)
	}
	samples, dropped, err = h.record(r, id, b)
	// After an error somebody may still use the buffers.
	if err == nil && b.small() {
		h.buffers.Put(b)
	}
	return samples, dropped, err
}

// record reads, parses and records a report.
func (h *Handler) record(r *http.Request, id string, b *buffers) (samples, dropped int, err error) {
	defer h.budget.release(b)
	if err := h.bodies.read(r, b); err != nil {
		return 0, 0, err
	}
	place, err := h.budget.enter(r.Context(), id, b.body)
	if err != nil {
		return 0, 0, err
	}
	defer place.leave()
	report := rollup.Report{Product: rollup.Cozystack, Instance: id, Received: h.config.Now()}
	report.Digest = maphash.Bytes(h.seed, b.body)
	dropped, err = h.parse(&report, b)
	if err != nil || len(report.Samples) == 0 {
		return 0, dropped, err
	}
	// A sender that goes away does not end the recorder's work, so its report must
	// not give back its place in the budget before that. A sender that has only
	// closed its own side looks the same, and still reads the answer.
	err = h.recorder.Record(context.WithoutCancel(r.Context()), report, b.lines)
	return len(report.Samples), dropped, err
}

// parse reads the samples of a body, and writes the lines that are forwarded of them.
func (h *Handler) parse(report *rollup.Report, b *buffers) (dropped int, err error) {
	b.samples, dropped, err = h.parser.Parse(b.samples, b.body)
	report.Samples = b.samples
	if err == nil && h.config.Lines != nil {
		b.lines = h.config.Lines(b.lines[:0], *report)
	}
	return dropped, err
}

// refusalOf returns what the client is told of an error. What is no refusal is a
// file that could not be written.
func refusalOf(err error) *Refusal {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	return &Refusal{
		Status:     http.StatusServiceUnavailable,
		Reason:     NotStored,
		Text:       "the report could not be stored, try again later",
		Cause:      err,
		RetryAfter: retryAfterFailure,
	}
}

// answer writes a refusal. After 413 the connection is closed: what is left of
// the body is not worth reading.
func answer(w http.ResponseWriter, r *Refusal) {
	header := w.Header()
	if r.Status == http.StatusRequestEntityTooLarge {
		header.Set("Connection", "close")
	}
	if r.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(r.RetryAfter.Seconds()))))
	}
	jsonerror.Write(w, r.Status, r.Text)
}
