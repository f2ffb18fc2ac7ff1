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

func (c cozystack) decode(_ *http.Request, b *buffers, _ io.Reader, now func() time.Time, leftOut func(string)) (report rollup.Report, err error) {
	received := now()
	b.samples, err = c.parser.parse(b.samples, b.body, leftOut)
	return rollup.Report{Received: received, Samples: b.samples, Digest: maphash.Bytes(c.seed, b.body)}, err
}

func (c cozystack) unkeyed() format { return anonymous{c} }

func (cozystack) whyLeftOut() string { return whyMetric }

func (cozystack) byDay() bool { return false }

func (cozystack) taken() string { return "" }
