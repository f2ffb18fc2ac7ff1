package chart

import "math"

// scale is an axis from zero to a round number.
type scale struct {
	step  float64 // 1, 2 or 5 times a power of ten
	steps int     // how many there are up to the top
}

// maxSteps keeps the grid quiet.
const maxSteps = 5

// scaleFor returns an axis that holds the values in two to five steps. It counts in whole
// steps where all values are whole.
func scaleFor(values []Value) scale {
	highest, whole := 0.0, true
	for _, v := range values {
		if v.known {
			highest = max(highest, v.n)
			whole = whole && v.n == math.Trunc(v.n)
		}
	}
	if highest == 0 {
		return scale{1, 1}
	}
	step := niceStep(highest / maxSteps)
	if whole {
		step = max(step, 1)
	}
	return scale{step, max(1, int(math.Ceil(highest/step-edge)))}
}

// niceStep returns the least of 1, 2 and 5 times powers of ten that is n or more.
func niceStep(n float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(n)))
	for _, factor := range []float64{1, 2, 5} {
		if n <= factor*unit*(1+edge) {
			return factor * unit
		}
	}
	return 10 * unit
}

// edge is what rounding may add to a number that is at the end of a step.
const edge = 1e-9

// of returns where a number lies, from 0 at zero to 1 at the top.
func (s scale) of(n float64) float64 { return min(1, n/s.step/float64(s.steps)) }

// tick returns the number at the end of step i.
func (s scale) tick(i int) float64 { return float64(i) * s.step }
