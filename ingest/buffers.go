package ingest

import "github.com/cozystack/cozystack-telemetry-server/store/rollup"

// The bounds of buffers that are kept: several times what a real report needs.
const (
	keptBytes   = 48 << 10
	keptSamples = 1 << 9
)

// buffers is the memory of one request, used again for others. Nothing in it may
// be in use any more when it goes back.
type buffers struct {
	zipped, body []byte
	samples      []rollup.Sample
	lines        []byte
	claimed      int64 // of the budget, for a large body
}

// small tells whether the buffers are worth keeping: a rare large report must
// not leave its memory behind.
func (b *buffers) small() bool {
	return cap(b.zipped)+cap(b.body)+cap(b.lines) <= keptBytes && cap(b.samples) <= keptSamples
}
