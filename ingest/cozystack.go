package ingest

import (
	"hash/maphash"
	"io"
	"net/http"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// cozystack is the format of Cozystack's clusters: the exposition format, and the id in a
// header, so that limits by id come before the body.
type cozystack struct {
	bodies *bodyReader
	parser *Parser
	seed   maphash.Seed // of the reports' digests
}

func (cozystack) sender(r *http.Request) (string, error) { return clusterID(r.Header) }

func (c cozystack) read(r *http.Request, b *buffers) (io.Reader, error) {
	return nil, c.bodies.read(r, b)
}

func (cozystack) most(body []byte) int { return countLines(body) }

func (c cozystack) decode(_ *http.Request, b *buffers, _ io.Reader, now func() time.Time) (report rollup.Report, dropped int, err error) {
	received := now()
	b.samples, dropped, err = c.parser.Parse(b.samples, b.body)
	return rollup.Report{Received: received, Samples: b.samples, Digest: maphash.Bytes(c.seed, b.body)}, dropped, err
}

func (cozystack) taken() string { return "" }
