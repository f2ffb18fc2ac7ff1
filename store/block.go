package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func blockKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// blockEncoder writes blocks. It is kept from block to block, for a compressor is
// dear to make.
type blockEncoder struct {
	out bytes.Buffer
	zip *gzip.Writer
}

func newBlockEncoder() (*blockEncoder, error) {
	e := &blockEncoder{}
	var err error
	e.zip, err = gzip.NewWriterLevel(&e.out, gzip.BestSpeed)
	return e, err
}

// encode writes a block of what requests have to forward: the time of receipt of
// the first report in milliseconds, the numbers of reports and samples, all as
// varints, and the lines as a gzip member. It returns nil when there are no
// lines.
func (e *blockEncoder) encode(requests []*request) ([]byte, error) {
	e.out.Reset()
	e.out.Write(blockHead(requests))
	if e.out.Len() == 0 {
		return nil, nil
	}
	e.zip.Reset(&e.out)
	for _, r := range requests {
		if r.err != nil {
			continue
		}
		if _, err := e.zip.Write(r.lines); err != nil {
			return nil, err
		}
	}
	if err := e.zip.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(e.out.Bytes()), nil
}

// blockHead returns what stands before a block's lines, nil if it has none.
func blockHead(requests []*request) []byte {
	var reports, samples int
	var first time.Time
	for _, r := range requests {
		if len(r.lines) == 0 || r.err != nil {
			continue
		}
		if reports == 0 {
			first = r.report.Received
		}
		reports++
		samples += bytes.Count(r.lines, []byte{'\n'})
	}
	if reports == 0 {
		return nil
	}
	return appendBlockHead(nil, first, reports, samples)
}

func appendBlockHead(b []byte, received time.Time, reports, samples int) []byte {
	b = binary.AppendUvarint(b, uint64(received.UnixMilli()))
	b = binary.AppendUvarint(b, uint64(reports))
	return binary.AppendUvarint(b, uint64(samples))
}

func decodeBlock(key, value []byte) (rollup.Block, error) {
	r := reader{b: value}
	received := int64(r.uvarint()) // before 1970 too, if that is what the clock said
	reports, samples := r.number(), r.number()
	if r.failed || len(key) != 8 {
		return rollup.Block{}, fmt.Errorf("%w: a queue block does not decode", ErrDamaged)
	}
	return rollup.Block{
		Seq:      binary.BigEndian.Uint64(key),
		Received: time.UnixMilli(received).UTC(),
		Reports:  int(reports),
		Samples:  int(samples),
		Lines:    r.rest(),
	}, nil
}
