package product

import (
	"fmt"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxDepth bounds how deep a report is nested. Real ones have 6 levels.
const maxDepth = 64

// walk is one report on its way through the table.
type walk struct {
	*Decoder
	scanner
	report Report
	depth  int

	// What the rows found: a number, a text, whether there was any, and how many
	// series were made.
	numbers []float64
	texts   []string
	seen    []bool
	labels  []int
	// places are where series stand in the samples.
	places map[rollup.Series]int
	// name is what the field of kind Name says.
	name string
}

// value reads one value. n says what is wanted of it, nil if nothing is. star is what
// an asterisk on the way stands for.
func (w *walk) value(n *node, star string) error {
	switch c := w.peek(); c {
	case '{':
		w.pos++
		return w.nested(func() error { return w.object(n, star) })
	case '[':
		w.pos++
		return w.nested(func() error { return w.array(n) })
	case '"':
		w.pos++
		if err := w.readString(); err != nil {
			return err
		}
		return w.text(n)
	case 't', 'f', 'n':
		w.pos++
		return w.word(n, c)
	default:
		if err := w.readNumber(); err != nil {
			return err
		}
		return w.number(n, star)
	}
}

// nested reads what is inside of a bracket.
func (w *walk) nested(read func() error) error {
	if w.depth++; w.depth > maxDepth {
		return &Error{Text: fmt.Sprintf("is nested deeper than %d levels", maxDepth)}
	}
	defer func() { w.depth-- }()
	return read()
}

// object reads an object, behind its brace.
func (w *walk) object(n *node, star string) error {
	if n != nil && !n.inner() {
		if err := w.wrongType(n); err != nil {
			return err
		}
		n = nil
	}
	if w.accept('}') {
		return nil
	}
	for {
		if !w.accept('"') {
			return w.syntax()
		}
		if err := w.readString(); err != nil {
			return err
		}
		child, text := n.child(w.scanner.text)
		if !w.accept(':') {
			return w.syntax()
		}
		// A path has one asterisk, so one of the two is empty.
		if err := w.value(child, star+text); err != nil {
			return err
		}
		if w.accept('}') {
			return nil
		}
		if !w.accept(',') {
			return w.syntax()
		}
	}
}

// array reads an array, behind its bracket.
func (w *walk) array(n *node) error {
	n, err := w.wanted(n, anArray)
	if err != nil {
		return err
	}
	if w.accept(']') {
		return w.length(n, 0)
	}
	for elements := 1; ; elements++ {
		if err := w.element(n); err != nil {
			return err
		}
		if w.accept(']') {
			return w.length(n, elements)
		}
		if !w.accept(',') {
			return w.syntax()
		}
	}
}

// element reads an element of an array. Sets are of texts; whatever else has a length may
// be of anything.
func (w *walk) element(n *node) error {
	if n == nil || w.peek() != '"' {
		if n != nil && w.rows[n.rows[0]].Kind == Set {
			w.leaveOut(n.path)
		}
		return w.value(nil, "")
	}
	w.pos++
	if err := w.readString(); err != nil {
		return err
	}
	text := validText(w.scanner.text)
	for _, i := range n.rows {
		if w.rows[i].Kind != Set {
			continue
		}
		if err := w.add(i, text, 1); err != nil {
			return err
		}
	}
	return nil
}

// wanted returns the node if its fields are of the type that was read, nil if nothing is
// wanted there. Anything else is left out.
func (w *walk) wanted(n *node, read class) (*node, error) {
	if n == nil {
		return nil, nil
	}
	if len(n.rows) > 0 && w.rows[n.rows[0]].Kind.class() == read {
		return n, nil
	}
	return nil, w.wrongType(n)
}

// wrongType leaves a field out that has another type than it should; the report can't do
// without some.
func (w *walk) wrongType(n *node) error {
	for _, i := range n.rows {
		if k := w.rows[i].Kind; k == Name || k == Schema {
			return &Error{Field: n.path, Text: "must be a string"}
		}
	}
	w.leaveOut(n.path)
	return nil
}

// leaveOut notes a field, once.
func (w *walk) leaveOut(path string) {
	if !slices.Contains(w.report.LeftOut, path) {
		w.report.LeftOut = append(w.report.LeftOut, path)
	}
}
