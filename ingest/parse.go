package ingest

import (
	"hash/maphash"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Parser reads bodies in the exposition format. Most lines of a report name
// series that other reports have named before, in the same spelling, so it
// parses each spelling once and knows it again by its bytes. What it remembers
// is bounded. Its methods may be called concurrently.
type Parser struct {
	limits Limits
	table  *table
	seed   maphash.Seed // of the hashes of series
	// scanners are those that are free; nil stands for one that is to be made.
	scanners chan *scanner
}

// NewParser returns a parser that holds bodies to limits, and reads at most so many
// of them at the same time, but at least 1: others wait, which is not for long, since
// reading waits for nothing else.
func NewParser(limits Limits, atOnce int) *Parser {
	atOnce = max(atOnce, 1)
	p := &Parser{
		limits: limits.withDefaults(), table: newTable(tableEntries, tableBytes), seed: maphash.MakeSeed(),
		scanners: make(chan *scanner, atOnce),
	}
	for range atOnce {
		p.scanners <- nil
	}
	return p
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
	samples, err = p.parse(buf, body, func(string) { dropped++ })
	if err != nil {
		return nil, 0, err
	}
	return samples, dropped, nil
}

// parse does what [Parser.Parse] does. leftOut is told the metric of each sample that is
// dropped, also of a body that is then refused.
func (p *Parser) parse(buf []rollup.Sample, body []byte, leftOut func(metric string)) ([]rollup.Sample, error) {
	s := <-p.scanners
	var kept *scanner // not after an error, and not when it has grown
	defer func() { p.scanners <- kept }()
	if s == nil {
		s = newScanner(p)
	}
	s.begin(buf, leftOut)
	if err := s.scan(body); err != nil {
		return nil, err
	}
	samples := s.samples
	p.table.add(s.fresh)
	if s.end() {
		kept = s
	}
	return samples, nil
}
