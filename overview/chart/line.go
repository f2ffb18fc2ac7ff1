package chart

import (
	"html/template"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Line follows one or two series over months.
type Line struct {
	Frame
	// From is the month of the first values.
	From rollup.MonthID
	// Series are one or two, with a value for each month. One that is shorter is unknown for
	// the rest.
	Series []Series
}

// Series is a line. Months of which nothing is known break it.
type Series struct {
	Name   string // "seen"; may be "" where there is but one
	Values []Value
}

const (
	// maxSeries is how many lines there are: more can't be told apart without colours.
	maxSeries = 2
	// maxMonths is how many months are drawn, the newest ones. The chart says so where there
	// are more.
	maxMonths = 120
	// maxName is the room for the name of a series, in ems.
	maxName = 10
)

// SVG draws the months. It is safe for any name and any value. Of more than maxSeries it
// draws the first ones.
func (c Line) SVG() template.HTML {
	c.Frame = c.cleaned()
	p := c.plot()
	d := new(drawing)
	if !p.any {
		c.begin(d, "chart-line", c.axisRoom()+legendRoom, p.words())
		nothing(d, c.axisRoom()+textRise)
		return d.html()
	}
	c.begin(d, "chart-line", p.bottom+ticksRoom, p.words())
	p.legend(d)
	p.grid(d)
	p.gaps(d)
	p.monthTicks(d)
	p.paths(d)
	for i := range p.months {
		p.month(d, i)
	}
	return d.html()
}

// plot is what is drawn of a Line: its series are equally long and not too long.
type plot struct {
	Line
	months int
	older  int  // months that are left out though something is known of them
	any    bool // something is known
	axis   scale
	// top and bottom are where the highest number of the axis and zero are, in pixels.
	top, bottom float64
}

func (c Line) plot() plot {
	given := c.Series[:min(maxSeries, len(c.Series))]
	end, first := 0, -1
	for _, s := range given {
		end = max(end, len(s.Values))
		if i := slices.IndexFunc(s.Values, Value.isKnown); i >= 0 && (first < 0 || i < first) {
			first = i
		}
	}
	// A chart begins with the first month of which anything is known: what a young server
	// did not see is no gap.
	first = max(0, first)
	p := plot{Line: c, months: min(end-first, maxMonths)}
	p.older = end - first - p.months
	start := end - p.months
	p.From += rollup.MonthID(start)
	p.Series = nil
	var all []Value
	for _, s := range given {
		values := make([]Value, p.months)
		copy(values, s.Values[min(start, len(s.Values)):])
		p.Series = append(p.Series, Series{fit(clean(s.Name), maxName), values})
		all = append(all, values...)
	}
	p.any = slices.ContainsFunc(all, Value.isKnown)
	p.axis = scaleFor(all)
	p.top = c.axisRoom() + float64(len(given)*legendRoom) + plotSpace
	p.bottom = p.top + plotHeight
	return p
}

// knownAt says whether anything is known of month i.
func (p plot) knownAt(i int) bool {
	for _, s := range p.Series {
		if s.Values[i].known {
			return true
		}
	}
	return false
}

// running says whether month i is not over.
func (p plot) running(i int) bool { return p.Unfinished && i == p.months-1 }

// name is month i as people write it.
func (p plot) name(i int) string { return (p.From + rollup.MonthID(i)).Name() }

// short is month i where there is little room, in a layout of package time.
func (p plot) short(i int, layout string) string {
	return (p.From + rollup.MonthID(i)).Start().Format(layout)
}
