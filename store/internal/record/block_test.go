package record

import (
	"errors"
	"slices"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What a block unpacks to is bounded, whatever the file has in it.
func TestBlockWithoutEnd(t *testing.T) {
	for size, want := range map[int]error{maxBlockText: nil, maxBlockText + 1: dberrors.ErrDamaged} {
		value, err := NewBlockEncoder().Encode(rollup.Block{Reports: 1}, slices.Values([][]byte{make([]byte, size)}))
		must(t, err)
		b, err := DecodeBlock(BlockKey(1, "cozystack"), value)
		must(t, err)
		if lines, err := UnpackBlock(b); !errors.Is(err, want) || err == nil && len(lines) != size {
			t.Errorf("%d bytes: %d, %v", size, len(lines), err)
		}
	}
}
