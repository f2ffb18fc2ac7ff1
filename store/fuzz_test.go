package store

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// FuzzBlockLines holds that a block gives back its requests' lines in their
// order, whatever they are, and counts them.
func FuzzBlockLines(f *testing.F) {
	f.Add([]byte("a 1 1\n"), []byte("b 2 2\n"), int64(0))
	f.Add([]byte(nil), []byte("b 2 2\nc 3 3\n"), march.UnixMilli())
	f.Add([]byte{0x1f, 0x8b, '\n'}, bytes.Repeat([]byte("same\n"), 1000), int64(1)<<40)
	w := &writer{blocks: record.NewBlockEncoder()}
	f.Fuzz(func(t *testing.T, first, second []byte, received int64) {
		at := time.UnixMilli(received & (1<<48 - 1)).UTC()
		var requests []*request
		for _, lines := range [][]byte{first, second} {
			requests = append(requests, &request{report: &rollup.Report{Received: at}, lines: lines})
		}
		parts := byProduct(requests)
		want := slices.Concat(first, second)
		if len(want) == 0 {
			if parts != nil {
				t.Fatalf("a block of nothing: %v", parts)
			}
			return
		}
		_, value, err := w.encodeBlock(parts[0])
		must(t, err)
		b, err := record.DecodeBlock(record.BlockKey(7, "cozystack"), value)
		must(t, err)
		if got := text(t, []rollup.Block{b}); got != string(want) || !b.Received.Equal(at) || b.Samples != bytes.Count(want, []byte{'\n'}) {
			t.Fatalf("%q of %s is read as %q of %+v", want, at, got, b)
		}
	})
}
