package chart

import "strings"

// Frame is what both forms have.
type Frame struct {
	// ID is unlike that of any other chart of the page: those of its parts begin with it.
	ID string
	// Title is the chart's name for those who do not see it. The page shows its own.
	Title string
	// Unit is what is counted, of many: "clusters".
	Unit string
	// Whole is the denominator, and Base what it is of: "that report a version". Unknown
	// and "" where there is none.
	Whole Value
	Base  string
	// Unfinished is set when the month, for Line the last one, is not over.
	Unfinished bool
}

// Sizes in pixels. A stylesheet should leave those of texts about so.
const (
	textSize  = 13
	axisSize  = 12
	tickSize  = 11
	axisLine  = 16 // of what is counted, above all that is drawn
	axisSpace = 6  // below it
	textRise  = 13 // how far below the top of its line a text stands
)

// maxAxisLines bounds what a long Base takes.
const maxAxisLines = 3

// Opacities: the grid is quiet, and nothing but a shade marks what is not a figure.
const (
	gridOpacity = ".15"
	baseOpacity = ".5"
	gapOpacity  = ".08"
)

// cleaned is the frame without anything hostile in its texts.
func (f Frame) cleaned() Frame {
	f.ID, f.Title, f.Unit, f.Base = tokenOf(f.ID), clean(f.Title), clean(f.Unit), clean(f.Base)
	return f
}

// begin writes what every chart begins with: its size, its name, what it says, its axis.
func (f Frame) begin(d *drawing, form string, height float64, words string) {
	name := "chart " + form
	if f.Unfinished {
		name += " chart-unfinished"
	}
	d.begin("svg", at("xmlns", "http://www.w3.org/2000/svg"), class(name), at("role", "img"),
		at("aria-labelledby", f.ID+"-title "+f.ID+"-desc"), at("width", "100%"), px("height", height),
		px("font-size", textSize), at("fill", "currentColor"))
	d.text("title", f.Title, at("id", f.ID+"-title"))
	d.text("desc", words, at("id", f.ID+"-desc"))
	for i, line := range f.axisLines() {
		d.text("text", apart(line), class("chart-axis"), px("y", float64(i*axisLine+textRise)), px("font-size", axisSize))
	}
}

// axisLines are what is counted, as it stands above the chart.
func (f Frame) axisLines() []string {
	return wrap(f.axis(), float64(narrowest)/axisSize, maxAxisLines)
}

// axisRoom is what they take, in pixels.
func (f Frame) axisRoom() float64 { return float64(len(f.axisLines())*axisLine + axisSpace) }

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

// gridLook is how line i of a grid looks; that at zero stands out.
func gridLook(i int) []attribute {
	if i == 0 {
		return []attribute{class("chart-base"), at("stroke", "currentColor"), at("stroke-opacity", baseOpacity)}
	}
	return []attribute{class("chart-grid"), at("stroke", "currentColor"), at("stroke-opacity", gridOpacity)}
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
