package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

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
	// empty, to be forwarded. One of another product than Cozystack is counted, too, and
	// that is all that is done with one without an instance. It returns nil only when both are on disk. Then it
	// keeps neither the report's samples nor lines, apart from the strings in them;
	// their memory is used again. After an error, such as that of ctx, it may still
	// be at work on them.
	Record(ctx context.Context, report rollup.Report, lines []byte) error
	// Known tells whether an instance has reported in the last days.
	Known(product, instance string, now time.Time) (bool, error)
}

// Result tells of one request that the handler has answered.
type Result struct {
	// Product is whose route it came to.
	Product string
	// Status is the answer's HTTP status.
	Status int
	// Samples and Dropped count what was taken, and what was left out: for its metric's
	// name, or for the type of its field.
	Samples, Dropped int
	// Nameless tells of a report that was taken and is no instance's.
	Nameless bool
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
	// Bounds are those of what the recorder keeps of a day. Previews show them; a report is
	// not held to them here.
	Bounds rollup.Bounds
	// Senders bounds the senders of each product; nil means no such limits.
	Senders *SenderLimits
	// Parses bounds the reports that are parsed at the same time, of which at most
	// half are large ones. 0 means DefaultParses.
	Parses int
	// OnResult, if set, is told of every request, before its answer is sent.
	OnResult func(Result)
}

// format is what differs from product to product: how a report says whose it is, and what.
type format interface {
	// sender returns whose report the header says it is, "" where its body does.
	sender(r *http.Request) (id string, err error)
	// read reads the body into b.body. Of a large one rest may have what follows.
	read(r *http.Request, b *buffers) (rest io.Reader, err error)
	// most returns how many samples a body may have at most.
	most(body []byte) int
	// decode returns the report, with the time. It says whose it is where the header does
	// not, and leftOut what of it is not kept: the metric of a sample, or a field.
	decode(r *http.Request, b *buffers, rest io.Reader, now func() time.Time, leftOut func(what string)) (rollup.Report, error)
	// unkeyed is the same without any key: senders have placeholders instead of ids.
	unkeyed() format
	// whyLeftOut says why leftOut was told of something.
	whyLeftOut() string
	// byDay tells that reports have no finer time than their day.
	byDay() bool
	// taken is the body of the answer, in JSON; empty: there is none.
	taken() string
}

// pipeline is what the handlers of all products have in common.
type pipeline struct {
	config   Config
	recorder Recorder
	bodies   bodyReader
	budget   *budget
	buffers  sync.Pool           // of *buffers
	previews *semaphore.Weighted // of bytes of answers
	writing  sync.Mutex          // held by the one who writes such an answer
}

// Handler takes the reports of one product.
type Handler struct {
	*pipeline
	product string
	format  format
	senders *senders // nil without limits
	lines   func(b []byte, r rollup.Report) []byte
}

// NewHandler returns the handler of Cozystack's reports, POST /, that records into
// recorder. It fails on impossible limits.
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
	all := &pipeline{
		config:   config,
		recorder: recorder,
		bodies:   bodyReader{max: config.Limits.BodyBytes, budget: budget},
		budget:   budget,
		previews: semaphore.NewWeighted(previewBytes),
	}
	h := &Handler{pipeline: all, product: rollup.Cozystack, lines: config.Lines}
	h.format = cozystack{bodies: &all.bodies, parser: NewParser(config.Limits, config.Parses), seed: maphash.MakeSeed()}
	return h, h.limitSenders("cluster")
}

// limitSenders gives the handler limits of its own: a flood of one product's senders
// leaves those of the others alone. what is what its senders are called.
func (h *Handler) limitSenders(what string) (err error) {
	if h.config.Senders == nil {
		return nil
	}
	if h.senders, err = newSenders(*h.config.Senders, h.known); err != nil {
		return fmt.Errorf("ingest: limits of senders: %w", err)
	}
	h.senders.what = what
	return nil
}

// known asks the recorder for an id. A recorder that can't answer lets it pass:
// the write that follows shows what is wrong.
func (h *Handler) known(id string) bool {
	known, err := h.recorder.Known(h.product, id, h.config.Now())
	return known || err != nil
}

// ServeHTTP takes the report of a request, whatever its method.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	result := Result{Product: h.product, Status: http.StatusOK}
	result.Err = h.take(r, &result)
	if result.Err == nil {
		h.config.OnResult(result)
		if text := h.format.taken(); text != "" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, text) // nobody is left to tell
			return
		}
		w.WriteHeader(http.StatusOK)
		return
	}
	refusal := refusalOf(result.Err)
	result.Status, result.Reason = refusal.Status, refusal.Reason
	h.config.OnResult(result)
	answer(w, refusal)
}

// take carries a request from its header to the disk.
func (h *Handler) take(r *http.Request, result *Result) error {
	id, err := h.format.sender(r)
	if err != nil {
		return err
	}
	if h.senders != nil {
		if id != "" {
			err = h.senders.admit(id, r, h.config.Now())
		} else {
			err = h.senders.admitUnread(r, h.config.Now())
		}
		if err != nil {
			return err
		}
	}
	dropped := 0
	return h.read(r, id, func(string) { dropped++ }, func(report rollup.Report, lines []byte) error {
		result.Dropped, result.Nameless = dropped, report.Instance == ""
		return h.record(r.Context(), report, lines, result)
	})
}

// read reads and decodes the report of a sender, "" where the body says whose it is, and hands
// it to take, with its lines, while it has its place in the budget.
func (h *Handler) read(r *http.Request, id string, leftOut func(what string), take func(report rollup.Report, lines []byte) error) error {
	b, ok := h.buffers.Get().(*buffers)
	if !ok {
		b = new(buffers)
	}
	err := h.readInto(b, r, id, leftOut, take)
	// After an error somebody may still use the buffers.
	if err == nil && b.small() {
		h.buffers.Put(b)
	}
	return err
}

func (h *Handler) readInto(b *buffers, r *http.Request, id string, leftOut func(string), take func(rollup.Report, []byte) error) error {
	defer h.budget.release(b)
	rest, err := h.format.read(r, b)
	if err != nil {
		return err
	}
	if rest == nil { // else the first gate has room for all of it
		place, err := h.budget.enter(r.Context(), id, b.body, h.format.most)
		if err != nil {
			return err
		}
		defer place.leave()
	}
	report, err := h.format.decode(r, b, rest, h.config.Now, leftOut)
	if err != nil {
		return err
	}
	report.Product = h.product
	if id != "" {
		report.Instance = id
	}
	if id == "" && report.Instance != "" && h.senders != nil {
		if err := h.senders.admit(report.Instance, r, h.config.Now()); err != nil {
			return err
		}
	}
	var lines []byte
	if h.lines != nil && report.Instance != "" {
		b.lines = h.lines(b.lines[:0], report)
		lines = b.lines
	}
	return take(report, lines)
}

// record has a report recorded.
func (h *Handler) record(ctx context.Context, report rollup.Report, lines []byte, result *Result) error {
	if len(report.Samples) == 0 && h.product == rollup.Cozystack {
		return nil
	}
	// A sender that goes away does not end the recorder's work, so its report must
	// not give back its place in the budget before that. A sender that has only
	// closed its own side looks the same, and still reads the answer.
	err := h.recorder.Record(context.WithoutCancel(ctx), report, lines)
	if !result.Nameless {
		result.Samples = len(report.Samples)
	}
	return err
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
