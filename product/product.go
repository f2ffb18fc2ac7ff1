package product

import (
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Product is a kind of software that reports in JSON: what it sends, whose it is, and
// what a month shows of it.
type Product struct {
	// Name is the product's key in the file, the prefix of its metrics, and how it is
	// asked for: lower-case letters.
	Name string
	// Routes are where its clients send.
	Routes []Route
	// Fields are all that is kept of a report. What no field names is skipped.
	Fields []Field
	// Figures are what a month shows.
	Figures []Figure
	// Identify returns the name of the sender as it is hashed, in lower case, of what
	// the field of kind [Name] said; "" if it said that there is none. An error tells
	// the client what it must be.
	Identify func(raw string) (name string, err error)
	// Sessions tells that names are those of processes, which nothing may join from one
	// day to the next, nor put at an hour of the day: see [Product.ID].
	Sessions bool
	// KeepDays bounds for how many days the days are kept; 0 means as long as the server
	// keeps any.
	KeepDays int
}

// Route is a path of the server that clients send to, and how.
type Route struct {
	Path    string
	Methods []string
}

// Takes tells whether a method is one of the route's.
func (r Route) Takes(method string) bool { return slices.Contains(r.Methods, method) }

// Kind is what a field holds, and with it what a month keeps of its numbers: the
// highest value of a gauge, each day's of a daily one, each hour's of what is added up.
type Kind uint8

// The kinds.
const (
	// Gauge is a number: an integer, unless the field allows fractions.
	Gauge Kind = 1 + iota
	// Daily is a gauge that a month shows as the mean of its days, of each the highest.
	Daily
	// Difference counts since the report before; a month adds it up.
	Difference
	// LastHour counts in the last hour. A restart repeats an hour, so of each clock hour
	// the highest counts, and a month adds those up.
	LastHour
	// Bool is true or false, as 1 or 0; null is neither.
	Bool
	// Text becomes a label of a series that is always 1. Fields of one metric become
	// labels of one series.
	Text
	// Set is an array of texts, each a label of a series of its own, always 1.
	Set
	// Length is how many elements an array has; they are not kept. A month shows it as
	// it does Daily.
	Length
	// Name says whose report it is. It is no sample, and must be there.
	Name
	// Schema is no sample. A report whose Words make of it nothing, [Other] or [Unknown]
	// is refused.
	Schema
)

// String names the kind as docs/products.md does.
func (k Kind) String() string {
	return [...]string{
		"none", "gauge", "daily gauge", "difference", "last hour", "boolean", "text", "set", "length", "identity", "schema",
	}[k]
}

// Slot returns what a month keeps of the kind's values.
func (k Kind) Slot() rollup.Slotting {
	switch k {
	case Daily, Length:
		return rollup.ByDay
	case Difference, LastHour:
		return rollup.ByHour
	}
	return 0
}

// class is the type of JSON that a kind is read of.
type class uint8

const (
	aNumber class = iota
	aBool
	aText
	anArray
)

func (k Kind) class() class {
	switch k {
	case Bool:
		return aBool
	case Text, Name, Schema:
		return aText
	case Set, Length:
		return anArray
	}
	return aNumber
}

// Field is one row of a product's table: where a value stands in a report, and which
// series it becomes.
type Field struct {
	// Path leads to the value, with dots between the keys: "infra.nodes". One key may
	// end in an asterisk, which stands for any text, also none: "infra.kinds.*". That
	// text is the label's value, if there is a label, and numbers of equal series are
	// added.
	Path string
	// Header is the name of the request's header that is read instead. Its kind is Text.
	Header string
	Kind   Kind
	// Metric is the metric's name behind the product's: "nodes" is coroot_nodes.
	Metric string
	// Label is the name of the label, of kinds and paths that have one.
	Label string
	// Words turns a text into the label's value; "" leaves it out.
	Words Words
	// Max is the largest number that can be true: a larger one is refused. 0 means
	// [rollup.MaxValue].
	Max float64
	// Fraction allows numbers that are no integers.
	Fraction bool
	// Zero says when a 0 was measured.
	Zero Zero
	// Raw marks what is kept only where the operator has asked for names.
	Raw bool
}

// Zero is what a number of 0 means.
type Zero uint8

const (
	// Measured is a number like any other.
	Measured Zero = iota
	// Together is not measured where all such fields of the report are 0.
	Together
	// Never is not measured.
	Never
)

// metric returns a metric's whole name.
func (p Product) metric(name string) string { return p.Name + "_" + name }
