package store

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// FuzzQueueBlock decodes any bytes as a queue block. What decodes has numbers
// that some block can have, and is written again as the same head.
func FuzzQueueBlock(f *testing.F) {
	encoder, err := newBlockEncoder()
	must(f, err)
	for _, lines := range []string{"a 1 1\n", "a 1 1\nb 2 2\n", strings.Repeat("a 1 1\n", 300)} {
		report := report("c", march, "a")
		b, err := encoder.encode([]*request{{report: &report, lines: []byte(lines)}})
		must(f, err)
		f.Add(blockKey(1), b)
		f.Add(blockKey(1<<63), b[:3])
		f.Add([]byte{1}, b)
	}
	f.Add(blockKey(0), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 1})
	f.Add(blockKey(0), []byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1})
	f.Add(blockKey(0), []byte{1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		b, err := decodeBlock(key, value)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if b.Reports < 0 || b.Samples < 0 {
			t.Fatalf("%+v", b)
		}
		again, err := decodeBlock(blockKey(b.Seq), append(appendBlockHead(nil, b.Received, b.Reports, b.Samples), b.Lines...))
		if err != nil || again.Seq != b.Seq || !again.Received.Equal(b.Received) || again.Reports != b.Reports ||
			again.Samples != b.Samples || !bytes.Equal(again.Lines, b.Lines) {
			t.Fatalf("%+v became %+v, %v", b, again, err)
		}
	})
}

// FuzzBlockLines holds that a block gives back its requests' lines in their
// order, whatever they are, and counts them.
func FuzzBlockLines(f *testing.F) {
	f.Add([]byte("a 1 1\n"), []byte("b 2 2\n"), int64(0))
	f.Add([]byte(nil), []byte("b 2 2\nc 3 3\n"), march.UnixMilli())
	f.Add([]byte{0x1f, 0x8b, '\n'}, bytes.Repeat([]byte("same\n"), 1000), int64(1)<<40)
	encoder, err := newBlockEncoder()
	must(f, err)
	f.Fuzz(func(t *testing.T, first, second []byte, received int64) {
		at := time.UnixMilli(received & (1<<48 - 1)).UTC()
		var requests []*request
		for _, lines := range [][]byte{first, second} {
			requests = append(requests, &request{report: &rollup.Report{Received: at}, lines: lines})
		}
		value, err := encoder.encode(requests)
		must(t, err)
		want := slices.Concat(first, second)
		if len(want) == 0 {
			if value != nil {
				t.Fatalf("a block of nothing: %x", value)
			}
			return
		}
		b, err := decodeBlock(blockKey(7), value)
		must(t, err)
		if got := text(t, []rollup.Block{b}); got != string(want) || !b.Received.Equal(at) || b.Samples != bytes.Count(want, []byte{'\n'}) {
			t.Fatalf("%q of %s is read as %q of %+v", want, at, got, b)
		}
	})
}

// FuzzInstanceKey holds that every instance has its own key, and every key its
// instance.
func FuzzInstanceKey(f *testing.F) {
	for _, id := range []string{"a", uuid(1), strings.ToUpper(uuid(0xabc)), uuid(1) + "0", strings.Repeat("-", uuidLen), "\x00", strings.Repeat("a", 253)} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		key := instanceKey(id)
		if got := instanceOf(key); got != id && !strings.HasPrefix(id, "\x00") { // which no id begins with
			t.Fatalf("%q became %q", id, got)
		}
	})
}
