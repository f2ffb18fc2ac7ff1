package others

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// draw is what an installation's fate is drawn from.
type draw struct{ *rand.Rand }

// chance is true in a share of all cases.
func (d draw) chance(share float64) bool { return d.Float64() < share }

// of returns one of some texts.
func (d draw) of(texts ...string) string { return texts[d.IntN(len(texts))] }

// upTo returns a number from 0 to n.
func (d draw) upTo(n int) int { return d.IntN(n + 1) }

// around returns a number about as large as n.
func (d draw) around(n int) int { return n*3/4 + d.upTo(n/2) }

// within returns a time in a stretch of it.
func (d draw) within(from time.Time, length time.Duration) time.Time {
	return from.Add(time.Duration(d.Int64N(int64(length))))
}

// uuid returns an id of a version 4 that begins with some digits.
func (d draw) uuid(begin string) string {
	return fmt.Sprintf("%s-%04x-4%03x-%04x-%012x", begin, d.IntN(1<<16), d.IntN(1<<12), d.IntN(1<<14)|0x8000, d.Int64N(1<<48))
}
