package chart

import (
	"html/template"
	"strings"
)

// Row is a bar.
type Row struct {
	Label string
	Value Value
	// Other is set for the row of all that were too few to be shown.
	Other bool
}

// Bars are rows with a bar each, in the order given; what is folded should come last.
type Bars struct {
	Frame
	Rows []Row
}

// maxRows is how many rows are drawn. A line below them says how many more there are, and
// rows that are Other are always drawn.
const maxRows = 20

// Heights of a chart of bars, in pixels.
const (
	rowHeight = 38
	barTop    = 19 // below the top of a row
	barHeight = 10
	lineRoom  = 20 // of a line of text below the rows
	shareRoom = 62 // beside the figures: 100.0 %
)

const (
	// barsWidth is the length of the axis in percent: the last line of the grid is whole.
	barsWidth = 99.5
	// A bar of less than tinyBar percent is leastBar pixels wide: it can be seen that it is
	// not zero.
	tinyBar, leastBar = 0.2, 2
)

// SVG draws the rows. It is safe for any label and any value.
func (c Bars) SVG() template.HTML {
	c.Frame = c.cleaned()
	if c.Unfinished {
		c.Unit = strings.TrimSpace(c.Unit + " so far")
	}
	rows, more := c.shown()
	top := c.axisRoom()
	bottom := top + float64(len(rows)*rowHeight)
	height := bottom + lineRoom
	if more > 0 {
		height += lineRoom
	}

	d := new(drawing)
	c.begin(d, "chart-bars", height, c.words())
	if len(rows) == 0 {
		nothing(d, top+textRise)
		return d.html()
	}
	values := make([]Value, len(rows))
	for i, r := range rows {
		values[i] = r.Value
	}
	axis := scaleFor(values)
	grid(d, axis, top+barTop-3, bottom)
	for i, r := range rows {
		c.row(d, r, axis, top+float64(i*rowHeight))
	}
	if more > 0 {
		d.text("text", Grouped(more)+" more in the table", class("chart-note"), px("y", height-6))
	}
	return d.html()
}

// shown are the rows that are drawn, and how many are not.
func (c Bars) shown() (rows []Row, more int) {
	var others []Row
	for _, r := range c.Rows {
		switch r.Label = clean(r.Label); {
		case r.Other && len(others) < maxRows:
			others = append(others, r)
		case !r.Other && len(rows) < maxRows:
			rows = append(rows, r)
		default:
			more++
		}
	}
	return append(rows, others...), more
}

// grid draws the lines of the axis where there are bars, so that none runs through a text.
func grid(d *drawing, axis scale, top, bottom float64) {
	for i := range axis.steps + 1 {
		x := barsWidth * float64(i) / float64(axis.steps)
		d.empty("line", append(gridLook(i), percent("x1", x), percent("x2", x), px("y1", top), px("y2", bottom),
			at("stroke-dasharray", short(barHeight+6)+" "+short(rowHeight-barHeight-6)))...)
		anchor := "middle"
		if i == 0 {
			anchor = "start"
		} else if i == axis.steps {
			anchor = "end"
		}
		d.text("text", scaled(axis.tick(i), 2), class("chart-tick"), percent("x", x), px("y", bottom+12), at("text-anchor", anchor), px("font-size", tickSize))
	}
}

func (c Bars) row(d *drawing, r Row, axis scale, top float64) {
	name := "chart-row"
	if r.Other {
		name += " chart-other"
	}
	sentence := c.sentence(r)
	d.begin("g", append([]attribute{class(name), at("data-label", r.Label), at("data-text", sentence)}, valueData(r.Value)...)...)
	defer d.end()
	d.text("title", sentence)
	c.texts(d, r, top+textRise)
	if r.Value.known && r.Value.n > 0 {
		width := percent("width", barsWidth*axis.of(r.Value.n))
		if axis.of(r.Value.n) < tinyBar/barsWidth {
			width = px("width", leastBar)
		}
		d.empty("rect", append([]attribute{class("chart-bar"), px("y", top+barTop), width,
			px("height", barHeight), px("rx", 1.5)}, c.filling(r)...)...)
	}
}

// texts writes what a row is of on the left, and its figures on the right.
func (c Bars) texts(d *drawing, r Row, y float64) {
	figure, share := "unknown", ""
	if r.Value.known {
		figure, share = brief(r.Value.n), Share(r.Value, c.Whole)
	}
	figures := float64(0) // where they end, in pixels from the right
	if c.Whole.known {
		figures = shareRoom
	}
	room := (narrowest-figures)/textSize - widthOf(figure) - 1
	d.text("text", apart(fit(r.Label, room)), class("chart-label"), px("y", y))
	d.text("text", figure, class("chart-value"), percent("x", 100), px("dx", -figures), px("y", y), at("text-anchor", "end"))
	if share != "" {
		d.text("text", share, class("chart-share"), percent("x", 100), px("y", y), at("text-anchor", "end"))
	}
}

// filling tells by form what is folded and what is not over.
func (c Bars) filling(r Row) []attribute {
	switch {
	case c.Unfinished:
		return []attribute{at("fill", "currentColor"), at("fill-opacity", ".4"), at("stroke", "currentColor"), at("stroke-dasharray", "4 3")}
	case r.Other:
		return []attribute{at("fill", "currentColor"), at("fill-opacity", ".35")}
	}
	return []attribute{at("fill", "currentColor")}
}
