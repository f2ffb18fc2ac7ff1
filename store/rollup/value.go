package rollup

import (
	"errors"
	"math"
	"strconv"
)

// MaxValue is the largest value of a sample, 2^53: up to there a float64 holds
// every integer exactly. Sums saturate at it.
const MaxValue = 1 << 53

// CheckValue returns a number as the value of a sample, or why it is none: samples
// are counts and sizes. The number -0, which is not negative, becomes 0.
func CheckValue(v float64) (float64, error) {
	switch {
	case math.IsNaN(v):
		return 0, errors.New("the value is NaN")
	case math.IsInf(v, 0):
		return 0, errors.New("the value is infinite")
	case v < 0:
		return 0, errors.New("the value is negative")
	case v > MaxValue:
		return 0, errors.New("the value is above 2^53")
	}
	return math.Abs(v), nil
}

// ParseValue reads the value of a sample as strconv.ParseFloat does. It is not ok for
// what is no number, or no value of a sample.
func ParseValue(text string) (v float64, ok bool) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, false
	}
	v, err = CheckValue(v)
	return v, err == nil
}
