package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Product is how the reports of another product than Cozystack are taken.
type Product struct {
	Table product.Product
	// Keys are those that names are hashed under.
	Keys product.Keys
	// KeepNames keeps raw names, too.
	KeepNames bool
	// Lines is as in Config, for the product's own receiver.
	Lines func(b []byte, r rollup.Report) []byte
}

// Of returns the handler of another product. It has the recorder, the clock and the bounds
// on memory in common with this one, and limits on senders of its own. It fails where the
// product's table is wrong.
func (h *Handler) Of(p Product) (*Handler, error) {
	decoder, err := product.NewDecoder(p.Table, p.KeepNames)
	if err != nil {
		return nil, fmt.Errorf("ingest: %w", err)
	}
	other := &Handler{pipeline: h.pipeline, product: p.Table.Name, lines: p.Lines}
	other.format = inJSON{bodies: &h.bodies, decoder: decoder, sessions: p.Table.Sessions, id: func(name string, day rollup.Date) (string, error) {
		return p.Table.ID(p.Keys, name, day)
	}}
	if err := other.limitSenders("instance"); err != nil || h.senders == nil {
		return other, err
	}
	other.senders.watch = h.senders.watch // the proxies are those of all products
	return other, nil
}

// inJSON is the format of a product with a table: JSON, whose body says whose it is.
type inJSON struct {
	bodies   *bodyReader
	decoder  *product.Decoder
	sessions bool // the product's reports are those of sessions
	// id returns the id of a name that reports on a day, "" of none.
	id func(name string, day rollup.Date) (string, error)
}

func (inJSON) sender(*http.Request) (string, error) { return "", nil }

func (j inJSON) read(r *http.Request, b *buffers) (io.Reader, error) { return j.bodies.begin(r, b) }

// most goes by the quotes: a sample has at least those of its key, or of its text.
func (inJSON) most(body []byte) int { return bytes.Count(body, []byte{'"'})/2 + 1 }

// decode forgets the sender's name when it has hashed it. A session's report comes at the
// day's start: no finer time of it may be kept.
func (j inJSON) decode(r *http.Request, b *buffers, rest io.Reader, now func() time.Time, leftOut func(string)) (report rollup.Report, err error) {
	decoded, err := j.decodeBody(r, b, rest)
	if err != nil {
		return report, refusalOfReport(err)
	}
	for _, field := range decoded.LeftOut {
		leftOut(field)
	}
	b.samples = decoded.Samples
	id, received, err := j.identify(decoded.Name, now) // a body may have taken until the next day
	if j.sessions {
		received = rollup.DateOf(received).Start()
	}
	return rollup.Report{Instance: id, Received: received, Samples: decoded.Samples}, err
}

// identify returns the id of a name, and a time on the day that it is of.
func (j inJSON) identify(name string, now func() time.Time) (id string, received time.Time, err error) {
	for range 2 { // the day may end in between, and its key with it
		received = now()
		id, err = j.id(name, rollup.DateOf(received))
		if err == nil || rollup.DateOf(now()) == rollup.DateOf(received) {
			break
		}
	}
	return id, received, err
}

func (j inJSON) decodeBody(r *http.Request, b *buffers, rest io.Reader) (product.Report, error) {
	if rest == nil {
		return j.decoder.Decode(b.samples[:0], b.body, r.Header.Get)
	}
	return j.decoder.DecodeFrom(b.samples[:0], io.MultiReader(bytes.NewReader(b.body), rest), r.Header.Get)
}

func (j inJSON) unkeyed() format {
	j.id = placeholderID
	return j
}

func (inJSON) whyLeftOut() string { return whyType }

func (j inJSON) byDay() bool { return j.sessions }

// taken suits all clients: Synapse logs an error unless there is JSON.
func (inJSON) taken() string { return "{}" }

// refusalOfReport refuses what is no report of the product.
func refusalOfReport(err error) error {
	var wrong *product.Error
	if errors.As(err, &wrong) {
		return &Refusal{Status: http.StatusBadRequest, Reason: BadField, Text: wrong.Message()}
	}
	return err
}
