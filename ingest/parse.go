package ingest

import (
	"hash/maphash"
	"sync"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Parser reads bodies in the exposition format. Most lines of a report name
// series that other reports have named before, in the same spelling, so it
// parses each spelling once and knows it again by its bytes. What it remembers
// is bounded. Its methods may be called concurrently.
type Parser struct {
	limits   Limits
	table    *table
	seed     maphash.Seed // of the hashes of series
	scanners sync.Pool    // of *scanner
}

// NewParser returns a parser that holds bodies to limits.
func NewParser(limits Limits) *Parser {
	return &Parser{limits: limits.withDefaults(), table: newTable(tableEntries, tableBytes), seed: maphash.MakeSeed()}
}

// Parse returns the samples of a body that the limits allow, in any order, each
// series once, and how many it dropped for their name. A label cluster_id is
// left out, timestamps and comments are ignored, and of a series that stands
// twice the higher value counts. The samples lie in buf's memory if that is
// large enough, and never refer to body.
//
// It takes all of a body or nothing: the error of a body with a bad line, or
// over a limit, is a *Refusal.
func (p *Parser) Parse(buf []rollup.Sample, body []byte) (samples []rollup.Sample, dropped int, err error) {
	s, ok := p.scanners.Get().(*scanner)
	if !ok {
		s = newScanner(p)
	}
	s.begin(buf)
	if err := s.scan(body); err != nil {
		return nil, 0, err // and s is left to the garbage collector
	}
	samples, dropped = s.samples, s.dropped
	p.table.add(s.fresh)
	if s.end() {
		p.scanners.Put(s)
	}
	return samples, dropped, nil
}
