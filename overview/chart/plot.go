package chart

import (
	"strconv"
	"strings"
)

// Places of a line: in percent across, for the numbers of the grid stand left of the first
// month, and in pixels down.
const (
	plotLeft, plotRight = 12.5, 95.0
	legendRoom          = 18 // for each series
	legendLeft          = 26 // of its text, beside its mark
	plotSpace           = 18 // above the highest line of the grid, for its number
	plotHeight          = 200
	ticksRoom           = 34 // below zero: months, and years below them
	markerSize          = 2.5
	// maxMarked is of how many months each has a mark. Of more, only those that no line
	// would show have one, and the last.
	maxMarked = 36
)

// x is where month i stands, in percent. A single one stands in the middle.
func (p plot) x(i int) float64 {
	if p.months == 1 {
		return (plotLeft + plotRight) / 2
	}
	return plotLeft + p.spacing()*float64(i)
}

func (p plot) spacing() float64 { return (plotRight - plotLeft) / float64(max(1, p.months-1)) }

// y is where a number stands, in pixels.
func (p plot) y(n float64) float64 { return p.bottom - plotHeight*p.axis.of(n) }

// around is the place of the months from i up to j, in percent.
func (p plot) around(i, j int) (left, width float64) {
	left = max(0, p.x(i)-p.spacing()/2)
	return left, min(100, p.x(j)+p.spacing()/2) - left
}

// legend gives each series a line: its mark, its name, its newest number.
func (p plot) legend(d *drawing) {
	for s, series := range p.Series {
		y := p.axisRoom() + float64(s*legendRoom)
		d.begin("g", seriesClass(s))
		d.empty("path", class("chart-path"), at("d", "M0 "+short(y+9)+"H20"), at("stroke", "currentColor"), at("stroke-width", strokeOf(s)))
		marker(d, s, at("x", "10"), y+9, false)
		d.text("text", p.newest(series), class("chart-value"), px("x", legendLeft), px("y", y+textRise), px("font-size", axisSize))
		d.end()
	}
}

// newest says what a series came to. A long name gives way to the number.
func (p plot) newest(series Series) string {
	words := p.newestNumber(series)
	if series.Name == "" {
		return words
	}
	words = ": " + words
	return apart(fit(series.Name, (narrowest-legendLeft)/float64(axisSize)-widthOf(words))) + words
}

func (p plot) newestNumber(series Series) string {
	for i := p.months - 1; i >= 0; i-- {
		if v := series.Values[i]; v.known {
			words := brief(v.n) + " in " + p.short(i, "Jan 2006")
			if p.running(i) {
				words += " so far"
			}
			return words
		}
	}
	return "no data"
}

// grid draws a line for each step, with its number above.
func (p plot) grid(d *drawing) {
	for i := range p.axis.steps + 1 {
		n := p.axis.tick(i)
		d.empty("line", append(gridLook(i), percent("x2", 100), px("y1", p.y(n)), px("y2", p.y(n)))...)
		d.text("text", scaled(n, 2), class("chart-tick"), px("y", p.y(n)-3), px("font-size", tickSize))
	}
}

// gaps marks the months of which nothing is known.
func (p plot) gaps(d *drawing) {
	for i := 0; i < p.months; i++ {
		if p.knownAt(i) {
			continue
		}
		first := i
		for i+1 < p.months && !p.knownAt(i+1) {
			i++
		}
		left, width := p.around(first, i)
		d.empty("rect", class("chart-gap"), percent("x", left), percent("width", width), px("y", p.top), px("height", plotHeight),
			at("fill-opacity", gapOpacity))
		for _, word := range []string{"no data", "?"} {
			if widthOf(word)*tickSize < width*narrowest/100 {
				d.text("text", word, class("chart-note"), percent("x", left+width/2), px("y", p.bottom-6), at("text-anchor", "middle"), px("font-size", tickSize))
				break
			}
		}
	}
}

// monthTicks names months, the last one among them, and a year where it is another than that
// of the tick before.
func (p plot) monthTicks(d *drawing) {
	step := p.tickStep()
	year := ""
	for i := (p.months - 1) % step; i < p.months; i += step {
		place := []attribute{class("chart-tick"), percent("x", p.x(i)), at("text-anchor", "middle"), px("font-size", tickSize)}
		d.text("text", p.short(i, "Jan"), append(place, px("y", p.bottom+14))...)
		if now := p.short(i, "2006"); now != year {
			d.text("text", now, append(place, px("y", p.bottom+28))...)
			year = now
		}
	}
}

// tickStep is how many months lie between two ticks, so that no two touch.
func (p plot) tickStep() int {
	room := p.spacing() * narrowest / 100
	for _, step := range []int{1, 2, 3, 6, 12, 24} {
		if float64(step)*room > widthOf("2006")*tickSize+1 {
			return step
		}
	}
	return 60
}

// paths draws the lines. They lie in an SVG of their own that is 100 wide and stretched to
// the width of the chart; strokes keep their own width.
func (p plot) paths(d *drawing) {
	d.begin("svg", at("width", "100%"), px("height", p.bottom), at("viewBox", "0 0 100 "+short(p.bottom)), at("preserveAspectRatio", "none"))
	defer d.end()
	for s, series := range p.Series {
		var over, running strings.Builder
		for i := 1; i < p.months; i++ {
			before, now := series.Values[i-1], series.Values[i]
			if !before.known || !now.known {
				continue
			}
			path := &over
			if p.running(i) {
				path = &running
			}
			if path.Len() == 0 || i > 1 && !series.Values[i-2].known {
				path.WriteString("M" + p.point(i-1, before))
			}
			path.WriteString("L" + p.point(i, now))
		}
		p.path(d, s, over.String())
		p.path(d, s, running.String(), at("stroke-dasharray", "3 3"))
	}
}

func (p plot) point(i int, v Value) string { return short(p.x(i)) + " " + short(p.y(v.n)) }

func (p plot) path(d *drawing, s int, points string, dashes ...attribute) {
	if points == "" {
		return
	}
	names := []string{"chart-path"}
	if len(dashes) > 0 {
		names = append(names, "chart-unfinished")
	}
	d.empty("path", append(dashes, seriesClass(s, names...), at("d", points), at("fill", "none"), at("stroke", "currentColor"),
		at("stroke-width", strokeOf(s)), at("stroke-linejoin", "round"), at("vector-effect", "non-scaling-stroke"))...)
}

// month draws the marks of month i, and a place to point at.
func (p plot) month(d *drawing, i int) {
	sentence := p.sentence(i)
	about := []attribute{class("chart-month"), at("data-label", p.name(i)), at("data-text", sentence)}
	for s, series := range p.Series {
		if v := series.Values[i]; v.known {
			about = append(about, at(dataName(s), v.data()))
		}
	}
	d.begin("g", about...)
	defer d.end()
	d.text("title", sentence)
	left, width := p.around(i, i)
	d.empty("rect", class("chart-hit"), percent("x", left), percent("width", width), px("y", p.top), px("height", plotHeight),
		at("fill-opacity", "0"), at("stroke", "none"))
	for s, series := range p.Series {
		if v := series.Values[i]; v.known && (p.months <= maxMarked || p.alone(series, i)) {
			marker(d, s, percent("x", p.x(i)), p.y(v.n), p.running(i))
		}
	}
}

// alone says whether a line alone would not show month i, or not well.
func (p plot) alone(series Series, i int) bool {
	return i == p.months-1 || !series.Values[i+1].known && (i == 0 || !series.Values[i-1].known)
}

// marker draws the mark of series s: a circle, or a square. It is hollow for a month that is
// not over.
func marker(d *drawing, s int, x attribute, y float64, hollow bool) {
	names := []string{"chart-marker"}
	if hollow {
		names = append(names, "chart-unfinished")
	}
	look := []attribute{seriesClass(s, names...), at("stroke", "currentColor")}
	if hollow {
		look = append(look, at("fill", "Canvas"))
	}
	if s == 0 {
		d.empty("circle", append(look, at("cx", x.value), px("cy", y), px("r", markerSize))...)
		return
	}
	const side = 2*markerSize - 1
	d.empty("rect", append(look, x, px("y", y-side/2.0), px("width", side), px("height", side),
		at("transform", "translate(-"+short(side/2.0)+")"))...)
}

// seriesClass is the class of series s, after others.
func seriesClass(s int, names ...string) attribute {
	return class(strings.Join(append(names, "chart-series-"+strconv.Itoa(s+1)), " "))
}

// strokeOf is how wide the line of a series is: they differ without colours too.
func strokeOf(s int) string {
	if s == 0 {
		return "2.5"
	}
	return "1.5"
}

// dataName is where a month has the number of series s.
func dataName(s int) string {
	if s == 0 {
		return "data-value"
	}
	return "data-value-" + strconv.Itoa(s+1)
}
