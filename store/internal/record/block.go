package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"iter"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// seqLen is the length of a block's number in its key.
const seqLen = 8

// BlockKey returns the key of a block: its number, and behind it the name of its product,
// which is left out for cozystack. Without a product it is that before all of the number.
func BlockKey(seq uint64, product string) []byte {
	key := binary.BigEndian.AppendUint64(nil, seq)
	if product == rollup.Cozystack {
		return key
	}
	return append(key, product...)
}

// BlockProduct returns the product whose block has a key.
func BlockProduct(key []byte) string {
	if len(key) <= seqLen {
		return rollup.Cozystack
	}
	return string(key[seqLen:])
}

// BlockEncoder writes blocks. It is kept from block to block, for a compressor is
// dear to make.
type BlockEncoder struct {
	out bytes.Buffer
	zip *gzip.Writer
}

// NewBlockEncoder returns an encoder for one goroutine.
func NewBlockEncoder() *BlockEncoder {
	zip, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails only for a level that there is not
	return &BlockEncoder{zip: zip}
}

// Encode writes a block: when its first report was received and how many reports and
// samples it has, and the lines as one gzip member.
func (e *BlockEncoder) Encode(b rollup.Block, lines iter.Seq[[]byte]) ([]byte, error) {
	e.out.Reset()
	e.out.Write(appendBlockHead(nil, b))
	e.zip.Reset(&e.out)
	for part := range lines {
		if _, err := e.zip.Write(part); err != nil {
			return nil, err
		}
	}
	if err := e.zip.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(e.out.Bytes()), nil
}

// appendBlockHead writes what stands before the lines: the time in milliseconds, and
// the numbers, all as varints.
func appendBlockHead(to []byte, b rollup.Block) []byte {
	to = binary.AppendUvarint(to, uint64(b.Received.UnixMilli()))
	to = binary.AppendUvarint(to, uint64(b.Reports))
	return binary.AppendUvarint(to, uint64(b.Samples))
}

// DecodeBlock reads a block but for its lines, which stay packed and are the value's.
func DecodeBlock(key, value []byte) (rollup.Block, error) {
	r := reader{b: value}
	received := int64(r.uvarint()) // before 1970 too, if that is what the clock said
	reports, samples := r.number(), r.number()
	if r.Failed || len(key) < seqLen || string(key[seqLen:]) == rollup.Cozystack {
		return rollup.Block{}, fmt.Errorf("%w: a queue block does not decode", dberrors.ErrDamaged)
	}
	return rollup.Block{
		Seq:      binary.BigEndian.Uint64(key),
		Product:  BlockProduct(key),
		Received: time.UnixMilli(received).UTC(),
		Reports:  int(reports),
		Samples:  int(samples),
		Lines:    r.rest(),
	}, nil
}

// maxBlockText bounds what is unpacked of one block: those of a server hold
// about 1 MiB, or one report.
const maxBlockText = 64 << 20

// UnpackBlock returns a block's lines.
func UnpackBlock(b rollup.Block) ([]byte, error) {
	zip, err := gzip.NewReader(bytes.NewReader(b.Lines))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", dberrors.ErrDamaged, err)
	}
	lines, err := io.ReadAll(io.LimitReader(zip, maxBlockText+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", dberrors.ErrDamaged, err)
	case len(lines) > maxBlockText:
		return nil, fmt.Errorf("%w: its lines have no end", dberrors.ErrDamaged)
	}
	return lines, nil
}
