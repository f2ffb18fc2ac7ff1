package chart

import (
	"math"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// FuzzBars holds that bars of any labels and any values keep the rules, and to a bound.
func FuzzBars(f *testing.F) {
	for _, label := range hostile {
		f.Add(label, "clusters", 12.0, 40.0, uint8(3), false)
	}
	f.Add("v1", "", math.Inf(1), math.NaN(), uint8(0), true)
	f.Add("more than all", "nodes", 756.0, 40.0, uint8(3), false)
	f.Add("v1", "nodes", 5e-324, math.MaxFloat64, uint8(200), true)
	f.Fuzz(func(t *testing.T, label, unit string, n, whole float64, rows uint8, flag bool) {
		c := Bars{Frame: Frame{ID: label, Title: label, Unit: unit, Whole: Known(whole), Base: label, Unfinished: flag}}
		for i := range int(rows) {
			c.Rows = append(c.Rows, Row{Label: label[i*len(label)/int(rows):], Value: Known(n / float64(1+i)), Other: flag && i%3 == 0})
		}
		bounded(t, string(c.SVG()))
	})
}

// FuzzLine holds that lines of any names and any values keep the rules, and to a bound.
func FuzzLine(f *testing.F) {
	for i, name := range hostile {
		f.Add(name, "clusters", 12.0, 40.0, uint16(24000+i), uint8(1+9*i), uint8(3), false)
	}
	f.Add("seen", "", 5e-324, math.MaxFloat64, uint16(math.MaxUint16), uint8(1), uint8(7), true)
	f.Add("seen", "", 1e-300, 1e300, uint16(24000), uint8(2), uint8(0), false)
	f.Add("seen", "", math.NaN(), -1.0, uint16(0), uint8(0), uint8(0), true)
	f.Fuzz(func(t *testing.T, name, unit string, a, b float64, from uint16, months, gap uint8, flag bool) {
		c := Line{Frame: Frame{ID: name, Title: name, Unit: unit, Base: name, Unfinished: flag}, From: rollup.MonthID(from)}
		for s := range int(gap)%4 + 1 {
			series := Series{Name: strings.Repeat(name, s)}
			for i := range int(months) / (s + 1) {
				v := Known(a + (b-a)*float64(i)/float64(months))
				if gap > 0 && i%int(gap) == s {
					v = Value{}
				}
				series.Values = append(series.Values, v)
			}
			c.Series = append(c.Series, series)
		}
		bounded(t, string(c.SVG()))
	})
}

// bounded holds that a chart keeps the rules whatever it is of, and stays small.
func bounded(t *testing.T, svg string) {
	t.Helper()
	check(t, svg)
	if len(svg) > 400<<10 {
		t.Errorf("%d bytes", len(svg))
	}
}

func BenchmarkBars(b *testing.B) {
	c := manyBars()
	b.ReportAllocs()
	for b.Loop() {
		c.SVG()
	}
}

func BenchmarkLine(b *testing.B) {
	c := seen()
	b.ReportAllocs()
	for b.Loop() {
		c.SVG()
	}
}
