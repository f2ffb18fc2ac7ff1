package record

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// FuzzQueueBlock decodes any bytes as a queue block. What decodes has numbers
// that some block can have, and is written again as the same head.
func FuzzQueueBlock(f *testing.F) {
	encoder := NewBlockEncoder()
	for _, lines := range []string{"a 1 1\n", "a 1 1\nb 2 2\n", strings.Repeat("a 1 1\n", 300)} {
		b, err := encoder.Encode(rollup.Block{Reports: 1, Samples: strings.Count(lines, "\n")}, slices.Values([][]byte{[]byte(lines)}))
		must(f, err)
		f.Add(BlockKey(1, "cozystack"), b)
		f.Add(BlockKey(1<<63, "cozystack"), b[:3])
		f.Add([]byte{1}, b)
		f.Add(BlockKey(2, "synapse"), b)
		f.Add(append(BlockKey(3, ""), "cozystack"...), b)
	}
	f.Add(BlockKey(0, "cozystack"), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 1})
	f.Add(BlockKey(0, "cozystack"), []byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1})
	f.Add(BlockKey(0, "cozystack"), []byte{1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, key, value []byte) {
		b, err := DecodeBlock(key, value)
		if err != nil {
			if !errors.Is(err, dberrors.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if b.Reports < 0 || b.Samples < 0 {
			t.Fatalf("%+v", b)
		}
		again, err := DecodeBlock(BlockKey(b.Seq, b.Product), append(appendBlockHead(nil, b), b.Lines...))
		if err != nil || !bytes.Equal(BlockKey(b.Seq, b.Product), key) || again.Seq != b.Seq || !again.Received.Equal(b.Received) || again.Reports != b.Reports ||
			again.Samples != b.Samples || !bytes.Equal(again.Lines, b.Lines) {
			t.Fatalf("%+v became %+v, %v", b, again, err)
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
		key := Key(id)
		if got := Instance(key); got != id && !strings.HasPrefix(id, "\x00") { // which no id begins with
			t.Fatalf("%q became %q", id, got)
		}
	})
}

// FuzzMonthOfSchema2 makes records of today of any bytes. They decode, or are damaged,
// and nothing of them is of a day that is known.
func FuzzMonthOfSchema2(f *testing.F) {
	f.Add([]byte{0b11 << 2, 2, 1, 6, 1, 0, 1, 3<<1 | 1, 8, 1 << 3})
	f.Add([]byte{1, 0, 1, 3 << 1, 2})
	f.Fuzz(func(t *testing.T, old []byte) {
		m, err := DecodeMonth(MonthOfSchema2(old), unusualDictionary())
		if err != nil {
			if !errors.Is(err, dberrors.ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		for _, p := range m.Peaks {
			if p.Highest != (rollup.Highest{Peak: p.Peak}) || p.Seen != 0 || p.Slots != nil {
				t.Fatalf("%+v", p)
			}
		}
	})
}
