package chart

import (
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// drawing writes the elements of one SVG. All that comes from outside passes through escape,
// names of elements and attributes are constants of this package.
type drawing struct {
	b    strings.Builder
	open []string
}

// attribute is a name with a value that is not yet escaped.
type attribute struct{ name, value string }

func at(name, value string) attribute { return attribute{name, value} }

func class(names string) attribute { return attribute{"class", names} }

// px is a length in pixels, and percent one in hundredths of the width.
func px(name string, v float64) attribute { return attribute{name, short(v)} }

func percent(name string, v float64) attribute { return attribute{name, short(v) + "%"} }

// short writes a coordinate: two decimals are a fiftieth of a pixel on a wide screen.
func short(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100+0, 'f', -1, 64)
}

func (d *drawing) start(element string, attributes []attribute) {
	d.b.WriteByte('<')
	d.b.WriteString(element)
	for _, a := range attributes {
		d.b.WriteByte(' ')
		d.b.WriteString(a.name)
		d.b.WriteString(`="`)
		d.b.WriteString(escape(a.value))
		d.b.WriteByte('"')
	}
}

// begin opens an element, which end closes.
func (d *drawing) begin(element string, attributes ...attribute) {
	d.start(element, attributes)
	d.b.WriteByte('>')
	d.open = append(d.open, element)
}

// end closes what was opened last.
func (d *drawing) end() {
	last := len(d.open) - 1
	d.b.WriteString("</" + d.open[last] + ">")
	d.open = d.open[:last]
	d.newline()
}

// empty writes an element without content.
func (d *drawing) empty(element string, attributes ...attribute) {
	d.start(element, attributes)
	d.b.WriteString("/>")
	d.newline()
}

// newline keeps rows and months apart for people who read the file.
func (d *drawing) newline() {
	if len(d.open) <= 1 {
		d.b.WriteByte('\n')
	}
}

// text writes an element of nothing but text.
func (d *drawing) text(element, content string, attributes ...attribute) {
	d.begin(element, attributes...)
	d.b.WriteString(escape(content))
	d.end()
}

// html closes what is open. What it returns is safe: see drawing.
func (d *drawing) html() template.HTML {
	for len(d.open) > 0 {
		d.end()
	}
	return template.HTML(d.b.String())
}

// escape is the only way of a text into an SVG, whether between tags or quoted.
func escape(s string) string { return html.EscapeString(s) }
