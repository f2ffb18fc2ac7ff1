package chart

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var newYear = rollup.NewMonth(2024, time.December)

// hostile are labels of people who would like the page to be another.
var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' style='fill:red' onload='alert(1)`,
	`</title></svg><h1>&amp;`,
	`]]><!--`,
	"a\x00b\x1b[31mc\nd\x7f",
	"gpj.\u202egnp.exe\u202c",
	"\u2066\u2067isolates that do not end",
	"not utf-8 \xff\xfe",
	"zero\u200bwidth\ufeff",
	"noncharacter \ufffe \U0001ffff",
	strings.Repeat("a\u0301\u0327\u0320\u030a", 40),
	strings.Repeat("W", 300),
	strings.Repeat("界", 300),
	"{{.}} ${x} `x`",
}

func cases() map[string]func() string {
	figures := map[string]interface{ drawn() string }{
		"bars":             versions(),
		"bars-zero-rows":   barsOf(),
		"bars-all-zero":    barsOf(row("none", 0), row("nothing", 0)),
		"bars-one":         barsOf(row("v1.2.0", 7)),
		"bars-unknown":     barsOf(row("known", 12), Row{Label: "unknown"}),
		"bars-huge":        barsOf(row("2^53", 1<<53), row("a third", 3_002_399_751_580_331), row("tiny beside", 3), row("beyond", 4e21)),
		"bars-tiny":        barsOf(row("a", 0.00005), row("b", 0.0000321), row("c", 2e-9)),
		"bars-fractions":   barsOf(row("a", 5.2), row("b", 2.25), row("c", 0.1)),
		"bars-hostile":     hostileBars(),
		"bars-rtl":         barsOf(row("مجموعة التخزين ١٢", 12), row("אחסון (ברירת מחדל)", 9), row("mixed אבג 123 abc", 4)),
		"bars-many":        manyBars(),
		"bars-unfinished":  unfinishedBars(),
		"bars-no-number":   barsOf(row("NaN", math.NaN()), row("Inf", math.Inf(1)), row("-1", -1), row("2", 2)),
		"line":             seen(),
		"line-unfinished":  unfinishedLine(),
		"line-zero-months": lineOf(),
		"line-all-zero":    lineOf(0, 0, 0, 0),
		"line-one":         lineOf(1234),
		"line-one-running": unfinished(lineOf(3)),
		"line-two":         unfinished(lineOf(3, 5)),
		"line-gaps":        gaps(),
		"line-all-unknown": Line{Frame: frame("nodes"), From: newYear, Series: []Series{{Values: make([]Value, 6)}}},
		"line-young":       young(),
		"line-huge":        lineOf(1<<52, 1<<53, 3e15, 1<<53-1),
		"line-tiny":        lineOf(0.00002, 0.00005, 0.00001),
		"line-hostile":     hostileLine(),
		"line-rtl":         Line{Frame: frame("أجهزة"), From: newYear, Series: []Series{{"نشط", known(4, 6)}, {"מאושר", known(3, 4)}}},
		"line-long":        longLine(),
	}
	drawn := make(map[string]func() string)
	for name, f := range figures {
		drawn[name] = f.drawn
	}
	return drawn
}

func (c Bars) drawn() string { return string(c.SVG()) }

func (c Line) drawn() string { return string(c.SVG()) }

func frame(unit string) Frame { return Frame{ID: "c", Title: "A chart of " + unit, Unit: unit} }

func row(label string, n float64) Row { return Row{Label: label, Value: Known(n)} }

func barsOf(rows ...Row) Bars { return Bars{Frame: frame("clusters"), Rows: rows} }

func lineOf(n ...float64) Line {
	return Line{Frame: frame("nodes"), From: newYear, Series: []Series{{Values: known(n...)}}}
}

func unfinished(c Line) Line {
	c.Unfinished = true
	return c
}

func known(numbers ...float64) (values []Value) {
	for _, n := range numbers {
		values = append(values, Known(n))
	}
	return values
}

func versions() Bars {
	c := barsOf(row("v1.4.1", 1284), row("v1.4.0", 803), row("v1.3.2", 411), row("v1.2.0", 96), row("v1.1.0", 31), row("v1.0.3", 5))
	c.Rows = append(c.Rows, Row{Label: "other", Value: Known(42), Other: true})
	c.Title, c.Whole, c.Base = "Clusters by version, March 2026", Known(2672), "that report a version"
	return c
}

func unfinishedBars() Bars {
	c := versions()
	c.Unfinished = true
	return c
}

func hostileBars() Bars {
	c := barsOf()
	for i, label := range hostile {
		c.Rows = append(c.Rows, row(label, float64(100-i)))
	}
	c.ID, c.Title, c.Unit, c.Base = `x" onload="y z`, hostile[0], hostile[1], hostile[6]
	return c
}

func manyBars() Bars {
	c := barsOf()
	for i := range 33 {
		c.Rows = append(c.Rows, row(fmt.Sprintf("package-%02d", i), float64(900-27*i)))
	}
	c.Rows = append(c.Rows, Row{Label: "other", Value: Known(88), Other: true})
	return c
}

// seen are two years of a fleet that grows.
func seen() Line {
	c := Line{Frame: frame("clusters"), From: newYear, Series: []Series{{Name: "seen"}, {Name: "confirmed"}}}
	for i := range 24 {
		n := 180 + 14*i + 23*((i*i)%7) - 40*(i/19)
		c.Series[0].Values = append(c.Series[0].Values, Known(n))
		c.Series[1].Values = append(c.Series[1].Values, Known(n*9/10-i))
	}
	return c
}

func unfinishedLine() Line {
	c := seen()
	c.Series[0].Values[23], c.Series[1].Values[23] = Known(401), Known(212)
	return unfinished(c)
}

// gaps has months of which nothing is known at both ends and between, one that stands alone,
// and some of which only one series is known.
func gaps() Line {
	c := seen()
	for _, i := range []int{0, 4, 9, 10, 11, 12, 13, 14, 15, 17} {
		c.Series[0].Values[i], c.Series[1].Values[i] = Value{}, Value{}
	}
	c.Series[1].Values[20] = Value{}
	c.Series[1].Values[23] = Value{}
	return c
}

// young is what a new server knows of two years.
func young() Line {
	c := Line{Frame: frame("clusters"), From: newYear, Series: []Series{{Name: "seen", Values: make([]Value, 22)}, {Name: "confirmed"}}}
	c.Series[0].Values = append(c.Series[0].Values, Known(2), Known(5))
	return unfinished(c)
}

func hostileLine() Line {
	c := seen()
	c.Series[0].Name, c.Series[1].Name = hostile[0], hostile[6]
	c.ID, c.Title, c.Unit, c.Base = `x" onload="y z`, hostile[0], hostile[1], hostile[6]
	return c
}

func longLine() Line {
	c := lineOf()
	for i := range 150 {
		c.Series[0].Values = append(c.Series[0].Values, Known(i*i))
	}
	c.Series[0].Values[80] = Value{}
	return c
}
