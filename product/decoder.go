package product

import (
	"io"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Report is what a decoder makes of a request.
type Report struct {
	// Samples are the listed fields, each series once.
	Samples []rollup.Sample
	// Name is whose report it is, as [Product.Identify] returned it; "" where the sender
	// has none. It is secret: hash it with [Product.ID], and forget it.
	Name string
	// LeftOut are the paths of fields that had another type than the table says, and so
	// were left out. They are the table's words, none of the sender's.
	LeftOut []string
}

// Decoder reads the reports of a product. It may be used concurrently.
type Decoder struct {
	product Product
	rows    []row
	root    *node
}

// NewDecoder returns the decoder of a product. With keepNames it also takes the fields
// that are marked as raw. An error is a mistake of the product's table.
func NewDecoder(p Product, keepNames bool) (*Decoder, error) {
	rows, err := prepare(p, keepNames)
	if err != nil {
		return nil, err
	}
	root, err := plant(rows)
	return &Decoder{product: p, rows: rows, root: root}, err
}

// Decode reads a report that is in memory. header returns the value of a header of the
// request, "" if there is none; http.Header.Get is one. The samples are appended to
// samples. What is wrong with the report is an [*Error].
func (d *Decoder) Decode(samples []rollup.Sample, body []byte, header func(name string) string) (Report, error) {
	return d.decode(samples, scanner{buf: body}, header)
}

// DecodeFrom reads a report as [Decoder.Decode] does, from a stream, of which it has
// some kilobytes in memory. It reads to the end, unless it refuses the report. An error
// of the stream is wrapped, and no [*Error].
func (d *Decoder) DecodeFrom(samples []rollup.Sample, body io.Reader, header func(name string) string) (Report, error) {
	return d.decode(samples, scanner{r: body}, header)
}

func (d *Decoder) decode(samples []rollup.Sample, s scanner, header func(name string) string) (Report, error) {
	w := &walk{
		Decoder: d,
		scanner: s,
		numbers: make([]float64, len(d.rows)),
		texts:   make([]string, len(d.rows)),
		seen:    make([]bool, len(d.rows)),
		labels:  make([]int, len(d.rows)),
		places:  make(map[rollup.Series]int),
	}
	w.report.Samples = samples
	w.headers(header)
	if w.peek() != '{' && w.readErr == nil {
		return Report{}, &Error{Text: "is no JSON object"}
	}
	if err := w.value(d.root, ""); err != nil {
		return Report{}, err
	}
	if w.peek(); w.more() || w.readErr != nil {
		return Report{}, w.syntax()
	}
	if err := w.finish(); err != nil {
		return Report{}, err
	}
	return w.report, nil
}
