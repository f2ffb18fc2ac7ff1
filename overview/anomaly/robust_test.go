package anomaly

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values        []float64
		middle, sigma float64
	}{
		{nil, 0, 0},
		{[]float64{7}, 7, 0},
		{[]float64{3, 1}, 2, madSigma},
		{[]float64{1000, 1, 3, 2, 2}, 2, madSigma},
	} {
		if middle, sigma := spread(c.values); middle != c.middle || sigma != c.sigma {
			t.Errorf("%v: %v and %v, want %v and %v", c.values, middle, sigma, c.middle, c.sigma)
		}
	}
}

// Fewer than half of the values, whatever they are, can't bring the median out of the
// range of the others.
func TestMedianStaysWithTheOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		honest := rapid.SliceOfN(rapid.Float64Range(0, 1000), 1, 50).Draw(t, "honest")
		made := rapid.SliceOfN(rapid.Float64Range(0, 1e15), 0, len(honest)-1).Draw(t, "made up")
		middle := median(append(slices.Clone(made), honest...))
		if middle < slices.Min(honest) || middle > slices.Max(honest) {
			t.Errorf("the median is %v", middle)
		}
	})
}
