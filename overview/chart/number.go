package chart

import (
	"math"
	"strconv"
	"strings"
)

// Value is a number that may be unknown: its zero value is. No count is negative, so a
// negative number is unknown too, as is one that is not finite.
type Value struct {
	n     float64
	known bool
}

// number is what figures are published as.
type number interface {
	~int | ~int32 | ~int64 | ~float64
}

// beyond is more than anything that is counted, and far enough from the largest float that
// an axis can be drawn up to it.
const beyond = 1e300

// Known is a number that is known.
func Known[N number](n N) Value {
	f := float64(n)
	switch {
	case f < 0 || f > beyond || f != f:
		return Value{}
	case f < 1/beyond:
		f = 0
	}
	return Value{n: f, known: true}
}

// Maybe is the number that p points to, or unknown where p is nil.
func Maybe[N number](p *N) Value {
	if p == nil {
		return Value{}
	}
	return Known(*p)
}

func (v Value) isKnown() bool { return v.known }

// data writes a number so that a program reads the same one.
func (v Value) data() string {
	if v.n < 1e21 {
		return strconv.FormatFloat(v.n, 'f', -1, 64)
	}
	return strconv.FormatFloat(v.n, 'e', -1, 64)
}

// full writes a number as people read it, with all that is before the decimal point: 3,284.
func full(n float64) string {
	switch {
	case n >= 1e18:
		return exponent(n, 3)
	case n >= 100 || n == math.Trunc(n):
		return Grouped(int64(math.RoundToEven(n)))
	case n >= 1e-6:
		decimals := max(2, 2-int(math.Floor(math.Log10(n))))
		return trimmed(strconv.FormatFloat(n, 'f', decimals, 64))
	}
	return exponent(n, 3)
}

// brief writes a number in some ten characters at most.
func brief(n float64) string {
	if n < 1e7 && (n >= 0.01 || n == 0) {
		return full(n)
	}
	return scaled(n, 3)
}

// scaled writes some digits of a number and what to multiply them with: 1.5k, 20M, 5e-7.
func scaled(n float64, digits int) string {
	if n != 0 && n < 0.001 || n >= 1e18 {
		return exponent(n, digits)
	}
	unit := 0
	for n = round(n, digits); n >= 1000 && unit < len(units)-1; unit++ {
		n /= 1000
	}
	return strconv.FormatFloat(round(n, digits), 'f', -1, 64) + units[unit]
}

var units = [...]string{"", "k", "M", "G", "T", "P"}

// round keeps so many digits of a number.
func round(n float64, digits int) float64 {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(n, 'e', digits-1, 64), 64)
	if err != nil {
		return n
	}
	return rounded
}

// exponent writes 1.25e+21 as 1.25e21.
func exponent(n float64, digits int) string {
	mantissa, power, _ := strings.Cut(strconv.FormatFloat(n, 'e', digits-1, 64), "e")
	sign := ""
	if power[0] == '-' {
		sign = "-"
	}
	return trimmed(mantissa) + "e" + sign + strings.TrimLeft(power[1:], "0")
}

// trimmed drops what decimals do not say.
func trimmed(decimal string) string {
	if !strings.Contains(decimal, ".") {
		return decimal
	}
	return strings.TrimRight(strings.TrimRight(decimal, "0"), ".")
}

// Grouped writes 1234567 as 1,234,567.
func Grouped[N int | int64](n N) string {
	digits := strconv.FormatInt(int64(n), 10)
	first := 0
	if n < 0 {
		first = 1
	}
	for at := len(digits) - 3; at > first; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// Plural is "1 day", "2 days", "1,000 days".
func Plural[N int | int64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Grouped(n) + " " + many
}

// Share writes how much of the whole a number is; nothing where the whole is not known, or
// where the number is no part of it.
func Share(v, whole Value) string {
	if !whole.known || whole.n == 0 || v.n > whole.n {
		return ""
	}
	percent := v.n / whole.n * 100
	if percent > 0 && percent < 0.1 {
		return "<0.1 %"
	}
	return strconv.FormatFloat(percent, 'f', 1, 64) + " %"
}
