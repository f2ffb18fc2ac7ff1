package product

import (
	"fmt"
	"math"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxLabels bounds the different values that one field may add to a report. Real ones
// have some tens.
const maxLabels = 200

// headers takes the fields that are headers of the request.
func (w *walk) headers(header func(name string) string) {
	for i, r := range w.rows {
		if r.Header == "" {
			continue
		}
		if text := header(r.Header); text != "" {
			w.texts[i], w.seen[i] = r.Words(text), true
		}
	}
}

// text takes the string that was read.
func (w *walk) text(n *node) error {
	n, err := w.wanted(n, aText)
	if n == nil {
		return err
	}
	text := validText(w.scanner.text)
	for _, i := range n.rows {
		if err := w.once(i); err != nil {
			return err
		}
		if err := w.takeText(i, text); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) takeText(i int, text string) error {
	r := &w.rows[i]
	switch {
	case r.Kind == Name && w.cut:
		return &Error{Field: r.Path, Text: fmt.Sprintf("is longer than %d bytes", maxText)}
	case r.Kind == Name:
		w.name = text
	case r.Raw:
		w.texts[i] = text
	default:
		w.texts[i] = r.Words(text)
	}
	if word := w.texts[i]; r.Kind == Schema && (word == "" || word == Other || word == Unknown) {
		return &Error{Field: r.Path, Text: "is none that this server knows"}
	}
	return nil
}

// number takes the number that was read.
func (w *walk) number(n *node, star string) error {
	n, err := w.wanted(n, aNumber)
	if n == nil {
		return err
	}
	v, ok := rollup.ParseValue(string(w.scanner.text))
	for _, i := range n.rows {
		r := &w.rows[i]
		switch {
		case !ok || w.cut || v > r.Max:
			return &Error{Field: r.Path, Text: fmt.Sprintf("must be a number from 0 to %.0f", r.Max)}
		case !r.Fraction && v != math.Trunc(v):
			w.leaveOut(r.Path)
			continue
		case r.starred():
			err = w.add(i, star, v)
		default:
			err = w.set(i, v)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// word takes true, false or null, of which the first letter was read. Null is as if the
// field were not there.
func (w *walk) word(n *node, first byte) error {
	if first == 'n' {
		return w.readWord("ull")
	}
	rest, v := "rue", 1.0
	if first == 'f' {
		rest, v = "alse", 0
	}
	if err := w.readWord(rest); err != nil {
		return err
	}
	n, err := w.wanted(n, aBool)
	if n == nil {
		return err
	}
	for _, i := range n.rows {
		if err := w.set(i, v); err != nil {
			return err
		}
	}
	return nil
}

// length takes the number of an array's elements.
func (w *walk) length(n *node, elements int) error {
	if n == nil {
		return nil
	}
	for _, i := range n.rows {
		if w.rows[i].Kind != Length {
			continue
		}
		if err := w.set(i, float64(elements)); err != nil {
			return err
		}
	}
	return nil
}

// set takes the value of a field without a label.
func (w *walk) set(i int, v float64) error {
	w.numbers[i] = v
	return w.once(i)
}

// once refuses a field that stands twice: readers of JSON differ in which of the two
// they believe.
func (w *walk) once(i int) error {
	if w.seen[i] {
		return &Error{Field: w.rows[i].Path, Text: "stands twice"}
	}
	w.seen[i] = true
	return nil
}

// add takes a value of a set, or of a path with an asterisk. Numbers of equal series are added: keys
// that are not known are all one.
func (w *walk) add(i int, text string, v float64) error {
	r := &w.rows[i]
	series := r.series
	if r.Label != "" {
		word := r.Words(text)
		if word == "" {
			return nil
		}
		series = rollup.NewSeries(r.metric, []rollup.Label{{Name: r.Label, Value: word}})
	}
	if at, ok := w.places[series]; ok {
		if s := &w.report.Samples[at]; r.Kind != Set {
			s.Value = min(s.Value+v, r.Max)
		}
		return nil
	}
	if w.labels[i]++; w.labels[i] > maxLabels {
		return &Error{Field: r.Path, Text: fmt.Sprintf("has more than %d different values", maxLabels)}
	}
	w.places[series] = len(w.report.Samples)
	w.sample(i, series, v)
	return nil
}

// sample appends a sample of a field.
func (w *walk) sample(i int, series rollup.Series, v float64) {
	w.report.Samples = append(w.report.Samples, rollup.Sample{Series: series, Value: v, Slot: w.rows[i].Kind.Slot()})
}

// finish makes samples of what has no label of its own, and asks whose report it is.
func (w *walk) finish() error {
	measured := w.measured()
	for i, r := range w.rows {
		switch {
		case r.Kind == Text:
			w.info(i)
		case !w.seen[i]:
			if r.Kind == Name || r.Kind == Schema {
				return &Error{Field: r.Path, Text: "is missing"}
			}
		case r.Kind == Name:
			name, err := w.product.Identify(w.name)
			if err != nil {
				return &Error{Field: r.Path, Text: err.Error()}
			}
			w.report.Name = name
		case r.Kind == Schema, r.Zero == Together && !measured, r.Zero == Never && w.numbers[i] == 0:
		default:
			w.sample(i, r.series, w.numbers[i])
		}
	}
	return nil
}

// measured tells whether any of the numbers that are only measured together is above 0.
func (w *walk) measured() bool {
	for i, r := range w.rows {
		if r.Zero == Together && w.numbers[i] > 0 {
			return true
		}
	}
	return false
}

// info makes the sample of a metric of texts, at its first row: of each label the first
// row that has it counts.
func (w *walk) info(first int) {
	var labels []rollup.Label
	have := make(map[string]bool)
	for i, r := range w.rows {
		if r.Kind != Text || r.metric != w.rows[first].metric {
			continue
		}
		if i < first {
			return
		}
		if word := w.texts[i]; word != "" && !have[r.Label] {
			have[r.Label] = true
			labels = append(labels, rollup.Label{Name: r.Label, Value: word})
		}
	}
	if len(labels) > 0 {
		w.sample(first, rollup.NewSeries(w.rows[first].metric, labels), 1)
	}
}
