package chart

import (
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		n                   float64
		full, brief, scaled string
	}{
		{0, "0", "0", "0"},
		{1, "1", "1", "1"},
		{5.2, "5.2", "5.2", "5.2"},
		{0.125, "0.125", "0.125", "0.12"},
		{0.00005, "0.00005", "5e-5", "5e-5"},
		{2e-9, "2e-9", "2e-9", "2e-9"},
		{999, "999", "999", "1k"},
		{1000, "1,000", "1,000", "1k"},
		{1500, "1,500", "1,500", "1.5k"},
		{3284, "3,284", "3,284", "3.3k"},
		{2_000_000, "2,000,000", "2,000,000", "2M"},
		{9_999_999, "9,999,999", "9,999,999", "10M"},
		{12_345_678, "12,345,678", "12.3M", "12M"},
		{1 << 53, "9,007,199,254,740,992", "9.01P", "9P"},
		{4e21, "4e21", "4e21", "4e21"},
		{1e300, "1e300", "1e300", "1e300"},
	} {
		if got := full(c.n); got != c.full {
			t.Errorf("full(%g) = %s, want %s", c.n, got, c.full)
		}
		if got := brief(c.n); got != c.brief {
			t.Errorf("brief(%g) = %s, want %s", c.n, got, c.brief)
		}
		if got := scaled(c.n, 2); got != c.scaled {
			t.Errorf("scaled(%g) = %s, want %s", c.n, got, c.scaled)
		}
	}
}

// TestValues holds that what is no count is unknown, and that nothing is a zero of its own.
func TestValues(t *testing.T) {
	for _, n := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64} {
		if v := Known(n); v != (Value{}) {
			t.Errorf("%g is %+v", n, v)
		}
	}
	if v := Maybe[int64](nil); v.known {
		t.Errorf("nil is %+v", v)
	}
	n := int64(0)
	if v := Maybe(&n); !v.known {
		t.Error("0 is unknown")
	}
}

func TestShares(t *testing.T) {
	for _, c := range []struct {
		n, whole Value
		want     string
	}{
		{Known(1), Known(3), "33.3 %"},
		{Known(3), Known(3), "100.0 %"},
		{Known(0), Known(3), "0.0 %"},
		{Known(1), Known(1 << 53), "<0.1 %"},
		{Known(1), Value{}, ""},
		{Known(0), Known(0), ""},
		{Known(4), Known(3), ""},
	} {
		if got := Share(c.n, c.whole); got != c.want {
			t.Errorf("%v of %v is %q, want %q", c.n, c.whole, got, c.want)
		}
	}
}

// TestScale holds that an axis holds its values, in a few round steps, whatever they are.
func TestScale(t *testing.T) {
	for exponent := -300; exponent < 300; exponent++ {
		for _, digits := range []float64{1, 1.0000001, 1.5, 2, 2.5, 3, 4.9999, 5, 7, 9.99} {
			n := digits * math.Pow(10, float64(exponent))
			s := scaleFor([]Value{Known(n), {}, Known(n / 3)})
			top := s.tick(s.steps)
			if top < n*(1-1e-9) || s.steps < 1 || s.steps > maxSteps || s.steps > 1 && n <= s.tick(s.steps-1) {
				t.Errorf("%g has %d steps of %g", n, s.steps, s.step)
			}
			if at := s.of(n); !(at > 0.39 && at <= 1) && s.step != 1 {
				t.Errorf("%g is at %g of %g", n, at, top)
			}
		}
	}
	if s := scaleFor(known(1, 2)); s != (scale{1, 2}) {
		t.Errorf("whole numbers have %+v", s)
	}
}

func TestWords(t *testing.T) {
	for _, c := range []struct {
		name string
		svg  string
		want string
	}{
		{"bars", versions().drawn(), "Counted: clusters, of 2,672 that report a version. 7 bars. Highest: v1.4.1: 1,284 clusters (48.1 %)."},
		{"some are unknown", barsOf(row("a", 2), Row{Label: "b"}).drawn(), "Counted: clusters. 2 bars. Highest: a: 2 clusters. 1 is unknown."},
		{"many", manyBars().drawn(), "Counted: clusters. 21 bars. Highest: package-00: 900 clusters. 13 more in the table."},
		{"none", barsOf().drawn(), "Counted: clusters. No data."},
		{"up", lineOf(4, 8, 5).drawn(), "Counted: nodes. 3 months, December 2024 to February 2025. 5 nodes in February 2025; the highest was 8 in January 2025; up 25 % from December 2024 to February 2025."},
		{"down", unfinished(lineOf(8, 6, 1)).drawn(), "Counted: nodes. 3 months, December 2024 to February 2025. 1 node in February 2025, which is not over; the highest was 8 in December 2024; down 25 % from December 2024 to January 2025."},
		{"far up", lineOf(1, 5000).drawn(), "Counted: nodes. 2 months, December 2024 to January 2025. 5,000 nodes in January 2025, the highest; up to 5,000 times from December 2024 to January 2025."},
		{"from almost nothing", lineOf(1e-300, 1e300).drawn(), "Counted: nodes. 2 months, December 2024 to January 2025. 1e300 nodes in January 2025, the highest; up to more than a million times from December 2024 to January 2025."},
		{"from zero", lineOf(0, 5).drawn(), "Counted: nodes. 2 months, December 2024 to January 2025. 5 nodes in January 2025, the highest; up from 0 from December 2024 to January 2025."},
	} {
		t.Run(c.name, func(t *testing.T) {
			var said string
			parse(t, c.svg).walk(func(n *node) {
				if n.name == "desc" {
					said = n.text
				}
			})
			if said != c.want {
				t.Errorf("says  %s\nwant %s", said, c.want)
			}
		})
	}
}

// TestSentences holds what a page reads out of one month, to the letter.
func TestSentences(t *testing.T) {
	c := unfinishedLine()
	c.Series[0].Values[22], c.Series[1].Values[22], c.Series[1].Values[21] = Value{}, Value{}, Value{}
	var said []string
	parse(t, c.drawn()).walk(func(n *node) {
		if n.attributes["class"] == "chart-month" {
			said = append(said, n.attributes["data-text"])
		}
	})
	want := []string{
		"September 2026: seen 434 clusters, confirmed unknown",
		"October 2026: no data",
		"November 2026 so far: seen 401 clusters, confirmed 212 clusters",
	}
	if got := said[len(said)-3:]; !slices.Equal(got, want) {
		t.Errorf("says %q", got)
	}
}

// TestClassesAreDocumented holds the list of classes in doc.go against the pictures.
func TestClassesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	drawn := make(map[string]bool)
	for _, draw := range cases() {
		parse(t, draw()).walk(func(n *node) {
			for _, class := range strings.Fields(n.attributes["class"]) {
				drawn[class] = true
			}
		})
	}
	for class := range drawn {
		if !strings.Contains(string(doc), strings.Replace(class, "chart-series-2", "chart-series-1, -2", 1)) {
			t.Errorf("doc.go does not name %s", class)
		}
	}
	for _, class := range regexp.MustCompile(`chart-[a-z]+(-\d)?`).FindAllString(string(doc), -1) {
		if !drawn[class] {
			t.Errorf("nothing has the class %s", class)
		}
	}
}
