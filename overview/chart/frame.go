package chart

import (
	"strconv"
	"strings"
)

// Frame is what both forms have.
type Frame struct {
	// ID is unlike that of any other chart of the page: those of its parts begin with it.
	ID string
	// Title is the chart's name for those who do not see it. The page shows its own.
	Title string
	// Note stands before the words that the chart finds for itself; "" for none.
	Note string
	// Unit is what is counted: "clusters".
	Unit string
	// Whole is the denominator, and Base what it is of: "that report a version". Unknown
	// and "" where there is none.
	Whole Value
	Base  string
	// Unfinished is set when the month, for Line the last one, is not over.
	Unfinished bool
}

const (
	fontSize = 12 // pixels, which a stylesheet should leave about so
	// axisRoom is above all that is drawn: what is counted stands there.
	axisRoom = 22
	// textRise is how far below the top of its line a text stands.
	textRise = 13

	gridOpacity = ".25"
)

// begin writes what every chart begins with: its size, its name, what it says, its axis.
func (f Frame) begin(d *drawing, form string, height float64, words string) {
	name := "chart " + form
	if f.Unfinished {
		name += " chart-unfinished"
	}
	id := tokenOf(f.ID)
	d.begin("svg", at("xmlns", "http://www.w3.org/2000/svg"), class(name), at("role", "img"),
		at("aria-labelledby", id+"-title "+id+"-desc"), at("width", "100%"), px("height", height),
		px("font-size", fontSize), at("fill", "currentColor"))
	d.text("title", clean(f.Title), at("id", id+"-title"))
	d.text("desc", words, at("id", id+"-desc"))
	d.text("text", fit(clean(f.axis()), Narrowest/fontSize), class("chart-axis"), px("y", textRise))
}

// axis says what is counted, and of how many.
func (f Frame) axis() string {
	var b strings.Builder
	b.WriteString(f.Unit)
	if f.Whole.known {
		b.WriteString(", of " + full(f.Whole.n))
	}
	if f.Base != "" {
		b.WriteString(" " + f.Base)
	}
	return b.String()
}

// tokenOf makes a word of an ID, for lists of them are split at spaces.
func tokenOf(id string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_':
			return r
		}
		return '-'
	}, cut(id, maxText))
}

// nothing says that there is nothing to draw.
func nothing(d *drawing, y float64) {
	d.text("text", "No data.", class("chart-note"), px("y", y))
}

// valueData is a number for programs, where it is known.
func valueData(v Value) []attribute {
	if !v.known {
		return nil
	}
	return []attribute{at("data-value", v.data())}
}

func itoa(n int) string { return grouped(strconv.Itoa(n)) }
