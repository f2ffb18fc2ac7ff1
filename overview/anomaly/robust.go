package anomaly

import (
	"math"
	"slices"
)

// madSigma makes a standard deviation of a median absolute deviation, of normal noise.
const madSigma = 1.4826

// median returns the middle of some values, 0 of none. It sorts them.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	switch {
	case n == 0:
		return 0
	case n%2 == 1:
		return values[n/2]
	}
	return (values[n/2-1] + values[n/2]) / 2
}

// spread returns how far values lie from their median, as a standard deviation that a few
// of them can't move. It sorts them.
func spread(values []float64) (middle, sigma float64) {
	middle = median(values)
	distances := make([]float64, len(values))
	for i, v := range values {
		distances[i] = math.Abs(v - middle)
	}
	return middle, madSigma * median(distances)
}
