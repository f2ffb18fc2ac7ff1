package product

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Figure is one row of what a month shows of a product.
type Figure struct {
	// Name is what it is called in metrics or shares.
	Name string
	// Of is the metric that it is made of, as [Field.Metric] names it.
	Of string
	As Show
	// By is the label whose values get a figure each, named with the value behind an
	// underscore. Only for Sum.
	By string
	// Labels are those that Newest and Members count by, joined by Between if there are
	// several. A blank is the default.
	Labels  []string
	Between string
	// Beside is the metric of the rest, for Percent.
	Beside string
	// Buckets are what Buckets counts in, ascending.
	Buckets []Bucket
}

// Bucket is a range of numbers: those up to Most, above the bucket before it.
type Bucket struct {
	Most float64
	Name string
}

// Show is how a month shows the values of its instances. A value of an instance is the
// highest of a gauge, the mean over days of a daily one, and the sum of what is added up.
//
// Sum, Median and P90 may be joined; the median's name has _median behind it, and that
// of the 90th percentile _p90.
type Show uint16

// The ways.
const (
	// Sum adds the values of all instances.
	Sum Show = 1 << iota
	// Median is the middle value of the instances that have one, or the mean of the two
	// in the middle.
	Median
	// P90 is the value that nine in ten instances do not exceed: the nearest rank.
	P90
	// Percent is 100 times the sum over the instances that have both metrics, divided by
	// the sum of both. Where that is 0 there is none.
	Percent
	// Newest counts instances by labels of the series that they sent last: each instance
	// once.
	Newest
	// Members counts instances by a label, each instance with all values of the label
	// that had more than 0.
	Members
	// InBuckets counts instances by the bucket that their value falls into.
	InBuckets
	// Adoption counts instances by "yes", where the boolean was true once, and "no"; it
	// also makes a metric with _percent behind the name. Instances that it does not apply
	// to are in neither.
	Adoption
)

// between is what stands between the words of several labels.
func (f Figure) between() string { return cmp.Or(f.Between, " ") }

// String names the ways as docs/products.md does.
func (s Show) String() string {
	var names []string
	for i, name := range []string{
		"sum", "median", "90th percentile", "percent", "what was seen last", "all that were seen", "range", "adoption",
	} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Shared tells whether the figure stands in the shares, and not in the metrics only.
func (s Show) Shared() bool { return s&(Newest|Members|InBuckets|Adoption) != 0 }

// numbers are the ways that may be joined.
const numbers = Sum | Median | P90

// checkFigures tells what of the figures can't be.
func (p Product) checkFigures() error {
	for _, f := range p.Figures {
		if err := p.checkFigure(f); err != nil {
			return fmt.Errorf("product: %s: the figure %s: %w", p.Name, f.Name, err)
		}
	}
	return nil
}

func (p Product) checkFigure(f Figure) error {
	if f.As&numbers != f.As && f.As&(f.As-1) != 0 || f.As == 0 {
		return fmt.Errorf("must be shown in one way")
	}
	for _, metric := range []string{f.Of, f.Beside} {
		if metric != "" && !slices.ContainsFunc(p.Fields, func(r Field) bool { return r.Metric == metric }) {
			return fmt.Errorf("there is no metric %s", metric)
		}
	}
	for _, label := range append(f.Labels, f.By) {
		if label != "" && !slices.ContainsFunc(p.Fields, func(r Field) bool { return r.Metric == f.Of && r.Label == label }) {
			return fmt.Errorf("%s has no label %s", f.Of, label)
		}
	}
	return nil
}
