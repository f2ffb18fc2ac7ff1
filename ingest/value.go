package ingest

import (
	"bytes"
	"strconv"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// integerDigits is how many digits surely make no more than 2^53.
const integerDigits = 15

// leadingInteger reads the decimal integer that b starts with. It returns n = 0
// if there is none, or a long one.
func leadingInteger(b []byte) (value float64, n int) {
	var v int64
	for n < len(b) && b[n]-'0' <= 9 {
		if n == integerDigits {
			return 0, 0
		}
		v = v*10 + int64(b[n]-'0')
		n++
	}
	return float64(v), n
}

// parseValue reads what follows a series: a value that is a count or a size,
// and maybe a timestamp. It is not ok for what is refused, and also for odd
// spellings of what is not: expfmt has the last word on both.
func parseValue(b []byte) (value float64, ok bool) {
	value, n := leadingInteger(b)
	if n > 0 && n == len(b) {
		return value, true
	}
	number, rest := b, []byte(nil)
	if i := bytes.IndexAny(b, " \t"); i >= 0 {
		number, rest = b[:i], skipBlanks(b[i:])
		if _, err := strconv.ParseInt(string(rest), 10, 64); err != nil {
			return 0, false
		}
	}
	if !isDecimal(number) {
		return 0, false
	}
	return rollup.ParseValue(string(number))
}

// isDecimal tells whether b has only what decimal numbers have, so that none of
// the spellings in it are ParseFloat's alone.
func isDecimal(b []byte) bool {
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9', c == '.', c == 'e', c == 'E', c == '+', c == '-':
		default:
			return false
		}
	}
	return true
}
