package others

import (
	"fmt"
	"maps"
	"math"
	"slices"
)

// digits is how far a number that is no integer may be from the truth, in parts of it: a
// server adds up floats.
const digits = 1e-12

// Len is how many numbers there are.
func (f Figures) Len() int {
	n := 2 + len(f.Metrics)
	for _, counts := range f.Shares {
		n += len(counts)
	}
	return n
}

// Differences tells what other figures have that is not as in these, which are the truth.
func (f Figures) Differences(got Figures) (all []string) {
	differ := func(what string, got, want any) {
		all = append(all, fmt.Sprintf("%s: %v, in truth %v", what, got, want))
	}
	if got.Instances != f.Instances {
		differ("instances", got.Instances, f.Instances)
	}
	if got.Days != f.Days {
		differ("days", got.Days, f.Days)
	}
	if names, want := slices.Sorted(maps.Keys(got.Metrics)), slices.Sorted(maps.Keys(f.Metrics)); !slices.Equal(names, want) {
		differ("metrics", names, want)
	}
	for name, want := range f.Metrics {
		if v := got.Metrics[name]; v != want && (want == math.Trunc(want) || math.Abs(v-want) > digits*want) {
			differ(name, v, want)
		}
	}
	for name, counts := range got.Shares {
		if want := f.Shares[name]; len(counts)+len(want) > 0 && !maps.Equal(counts, want) {
			differ("share of "+name, counts, want)
		}
	}
	for name, want := range f.Shares {
		if got.Shares[name] == nil {
			differ("share of "+name, "none", want)
		}
	}
	return all
}
