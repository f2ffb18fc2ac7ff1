package chart

import "math"

// scale is an axis from zero to a round number.
type scale struct {
	step  float64 // 1, 2 or 5 times a power of ten
	steps int     // how many there are up to the top
}

// scaleFor returns an axis that holds the values, with some three to five steps. It counts in
// whole steps where all values are whole.
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
	step := niceStep(highest / 4)
	if whole {
		step = max(step, 1)
	}
	// The ratio is small, so that its rounding matters on a step's edge only.
	return scale{step, max(1, int(math.Ceil(highest/step-1e-9)))}
}

// niceStep returns the number nearest to n, as a factor, of 1, 2 and 5 times powers of ten.
func niceStep(n float64) float64 {
	power := math.Floor(math.Log10(n))
	unit := math.Pow(10, power)
	switch f := n / unit; {
	case f < 1.4:
		return unit
	case f < 3.2:
		return 2 * unit
	case f < 7.1:
		return 5 * unit
	}
	return 10 * unit
}

// of returns where a number lies, from 0 at zero to 1 at the top.
func (s scale) of(n float64) float64 { return min(1, n/s.step/float64(s.steps)) }

// tick returns the number at the end of step i.
func (s scale) tick(i int) float64 { return float64(i) * s.step }
