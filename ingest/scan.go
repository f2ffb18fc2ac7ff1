package ingest

import (
	"bytes"
	"hash/maphash"

	"github.com/prometheus/common/expfmt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// successors is how many guesses a scanner keeps: a power of two, and so much
// more than the series of a real report that few share a place.
const successors = 1 << 11

// keptLines bounds the report after which a scanner is used again: an unusually
// long one has grown it.
const keptLines = 1 << 10

// scanner reads one body at a time.
type scanner struct {
	limits Limits
	table  *table
	seed   maphash.Seed

	// next guesses which series follows which, by the hash of the first: reports
	// of one client are much alike. A right guess spares the search in the table.
	// The guesses are dropped when the table starts a new generation, so that they
	// keep no forgotten series in memory, and so that the table sees what is in use.
	next       [successors]*series
	last       *series // the last one that was known
	start      series  // stands before the first line
	generation uint64

	// What follows is of one body.
	exact   *expfmt.TextParser // nil until a line needs it
	fresh   []*series          // what the table shall remember
	seen    seen
	samples []rollup.Sample
	sums    sums
	lines   int // sample lines so far
	leftOut func(metric string)
}

func newScanner(p *Parser) *scanner {
	return &scanner{limits: p.limits, table: p.table, seed: p.seed}
}

// begin readies the scanner for a body whose samples go into buf's memory. leftOut is told
// of each sample that is dropped for its name.
func (s *scanner) begin(buf []rollup.Sample, leftOut func(metric string)) {
	if g := s.table.generation.Load(); g != s.generation {
		clear(s.next[:])
		s.generation = g
	}
	s.last = &s.start
	s.samples = buf[:0]
	s.sums = sums{}
	s.lines, s.leftOut = 0, leftOut
	s.seen.reset()
}

// end lets go of what belonged to a body. It tells whether the scanner is small
// enough to be kept.
func (s *scanner) end() bool {
	clear(s.fresh)
	s.fresh, s.samples, s.exact, s.leftOut = s.fresh[:0], nil, nil, nil
	return s.lines <= keptLines
}

// scan reads a body. Its error is a *Refusal.
func (s *scanner) scan(body []byte) error {
	for n := 1; len(body) > 0; n++ {
		if rest, ok := s.guess(body); ok {
			body = rest
			continue
		}
		line, rest, _ := bytes.Cut(body, []byte{'\n'})
		body = rest
		if isBlankOrComment(line) {
			continue
		}
		if s.lines == s.limits.Samples {
			return refuseLimit("more than %d samples", s.limits.Samples)
		}
		s.lines++
		if s.read(line) {
			continue
		}
		if err := s.readExactly(line); err != nil {
			return refusalAt(n, err)
		}
	}
	return s.limits.checkPlausible(s.sums, s.samples)
}

// guess reads the line at the start of body if it is the series that followed
// the last one before, then a blank and a plain integer.
func (s *scanner) guess(body []byte) (rest []byte, ok bool) {
	e := s.next[s.last.hash%successors]
	if e == nil || len(body) < len(e.prefix) || string(body[:len(e.prefix)]) != e.prefix || s.lines == s.limits.Samples {
		return body, false
	}
	rest = body[len(e.prefix):]
	value, n := leadingInteger(rest)
	switch {
	case n == 0:
		return body, false
	case n == len(rest):
		rest = nil
	case rest[n] == '\n':
		rest = rest[n+1:]
	default:
		return body, false
	}
	s.last = e
	s.lines++
	s.take(e, value)
	return rest, true
}

// read reads a line whose series is known, or can be learnt, and whose value is
// as usual. It tells whether it did; it takes no line that expfmt would refuse.
func (s *scanner) read(line []byte) bool {
	spelling, value, ok := splitLine(line)
	if !ok {
		return false
	}
	v, ok := parseValue(value)
	if !ok {
		return false
	}
	e := s.lookup(spelling)
	if e == nil {
		return false
	}
	s.next[s.last.hash%successors] = e
	s.last = e
	s.take(e, v)
	return true
}

// lookup returns the series that is spelt so, or nil if that is no series, or
// one that shall not be remembered.
func (s *scanner) lookup(spelling []byte) *series {
	e, old := s.table.get(spelling)
	if e != nil && !old {
		return e
	}
	if e == nil {
		e = s.learn(spelling)
	}
	if e != nil {
		s.fresh = append(s.fresh, e)
	}
	return e
}

// take adds a sample. Of a series that stands twice the higher value counts.
func (s *scanner) take(e *series, value float64) {
	if !e.allowed {
		s.leftOut(e.text.Metric())
		return
	}
	if i := s.seen.index(e, s.samples); i < len(s.samples) {
		if more := value - s.samples[i].Value; more > 0 {
			s.samples[i].Value = value
			s.sums[e.figure] += more
		}
		return
	}
	s.sums[e.figure] += value
	s.samples = append(s.samples, rollup.Sample{Series: e.text, Value: value})
}
