package product

import (
	"math"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The two values of an adoption.
const (
	Yes = "yes"
	No  = "no"
)

// counter makes one figure.
type counter struct {
	Figure
	kind Kind
	// of and beside are the numbers of the metrics.
	of, beside int
	// values are those of instances, by the figure's whole name.
	values map[string][]float64
	// rest are the values of the metric beside.
	rest   []float64
	shares map[string]int64
}

func newCounter(f Figure, kind Kind, of, beside int) *counter {
	return &counter{
		Figure: f, kind: kind, of: of, beside: beside, values: make(map[string][]float64), shares: make(map[string]int64),
	}
}

// take counts one instance.
func (c *counter) take(seen []sight) {
	switch c.As {
	case Newest:
		if value := c.newest(seen); value != "" {
			c.shares[value]++
		}
	case Members:
		for _, s := range seen {
			if s.metric == c.of && s.peak > 0 {
				c.shares[c.label(s)]++
			}
		}
	case Adoption, InBuckets:
		if v, ok := c.value(seen, c.of); ok {
			c.shares[c.bucket(v)]++
		}
	case Percent:
		v, ok := c.value(seen, c.of)
		rest, restOK := c.value(seen, c.beside)
		if ok && restOK {
			c.values[c.Name], c.rest = append(c.values[c.Name], v), append(c.rest, rest)
		}
	default:
		c.takeNumbers(seen)
	}
}

// takeNumbers counts the value of one instance, or those by a label.
func (c *counter) takeNumbers(seen []sight) {
	if c.By == "" {
		if v, ok := c.value(seen, c.of); ok {
			c.values[c.Name] = append(c.values[c.Name], v)
		}
		return
	}
	for _, s := range seen {
		if s.metric == c.of {
			name := c.Name + "_" + s.series.Label(c.By)
			c.values[name] = append(c.values[name], c.kind.of(s))
		}
	}
}

// value adds up an instance's series of a metric. It is not ok where there are none.
func (c *counter) value(seen []sight, metric int) (v float64, ok bool) {
	for _, s := range seen {
		if s.metric == metric {
			v += c.kind.of(s)
			ok = true
		}
	}
	return v, ok
}

// of returns the value of a series in a window.
func (k Kind) of(s sight) float64 { return k.Value(s.peak, s.total, s.slots) }

// Value is what figures take of an instance's numbers of a kind: the highest one of a gauge,
// the mean of the slots of what goes by days, and the sum of those of what is added up.
// Without slots these are 0.
func (k Kind) Value(peak, total float64, slots int) float64 {
	switch k.Slot() {
	case rollup.ByDay:
		return total / float64(max(slots, 1))
	case rollup.ByHour:
		return total
	}
	return peak
}

// bucket names the one that a value falls into.
func (c *counter) bucket(v float64) string {
	if c.As == Adoption {
		if v > 0 {
			return Yes
		}
		return No
	}
	for _, b := range c.Buckets {
		if v <= b.Most {
			return b.Name
		}
	}
	return Other
}

// newest returns the labels that were seen last: of several in one hour the highest
// version, as updates go. It is "" where there are none.
func (c *counter) newest(seen []sight) (value string) {
	last := math.MinInt
	for _, s := range seen {
		if s.metric != c.of || s.last < last {
			continue
		}
		label := c.label(s)
		if label == "" || s.last == last && CompareNatural(label, value) <= 0 {
			continue
		}
		value, last = label, s.last
	}
	return value
}

// label joins the labels of a series that the figure counts by.
func (c *counter) label(s sight) string {
	var words []string
	for _, name := range c.Labels {
		if word := s.series.Label(name); word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, c.between())
}

// show writes the figure.
func (c *counter) show(f Figures) {
	switch c.As {
	case Percent:
		if of, rest := sum(c.values[c.Name]), sum(c.rest); of+rest > 0 {
			f.Metrics[c.Name] = 100 * of / (of + rest)
		}
	case Adoption:
		f.Shares[c.Name] = c.shares
		if yes, no := c.shares[Yes], c.shares[No]; yes+no > 0 {
			f.Metrics[percentOf(c.Name)] = 100 * float64(yes) / float64(yes+no)
		}
	case Newest, Members, InBuckets:
		f.Shares[c.Name] = c.shares
	default:
		if c.By == "" && c.As&Sum != 0 {
			f.Metrics[c.Name] = 0
		}
		for name, values := range c.values {
			c.showNumbers(f, name, values)
		}
	}
}

// percentOf names the percentage of an adoption.
func percentOf(name string) string { return name + "_percent" }

func (c *counter) showNumbers(f Figures, name string, values []float64) {
	total := sum(values) // sorts them
	if c.As&Sum != 0 {
		f.Metrics[name] = total
	}
	if c.As&Median != 0 {
		f.Metrics[name+"_median"] = (values[(len(values)-1)/2] + values[len(values)/2]) / 2
	}
	if c.As&P90 != 0 {
		f.Metrics[name+"_p90"] = values[(len(values)*9+9)/10-1]
	}
}

// sum sorts values and adds them up, so that the order in which instances came does not
// show in the last digit.
func sum(values []float64) (total float64) {
	slices.Sort(values)
	for _, v := range values {
		total += v
	}
	return total
}

// CompareNatural orders texts with numbers in them, such as versions, as [cmp.Compare]
// does numbers: 1.9 is before 1.10.
func CompareNatural(a, b string) int {
	for a != "" && b != "" {
		x, y := digits(a), digits(b)
		if x == 0 || y == 0 {
			if a[0] != b[0] {
				return strings.Compare(a, b)
			}
			a, b = a[1:], b[1:]
			continue
		}
		n, m := strings.TrimLeft(a[:x], "0"), strings.TrimLeft(b[:y], "0")
		if len(n) != len(m) {
			return len(n) - len(m)
		}
		if c := strings.Compare(n, m); c != 0 {
			return c
		}
		a, b = a[x:], b[y:]
	}
	return len(a) - len(b)
}

// digits returns how many digits a text begins with.
func digits(text string) int { return len(text) - len(strings.TrimLeft(text, "0123456789")) }
