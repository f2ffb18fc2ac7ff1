package record

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func instanceIDs() *rapid.Generator[string] {
	lower := rapid.StringMatching(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	return rapid.OneOf(
		rapid.StringMatching(`[A-Za-z0-9._-]{1,253}`),
		lower,
		rapid.Map(lower, strings.ToUpper),
		// As long as a UUID, or as its key, and nearly one.
		rapid.StringMatching(`[0-9a-f-]{36}`),
		rapid.StringMatching(`[A-Za-z0-9._-]{17}`),
		rapid.SampledFrom([]string{uuid(1), strings.ToUpper(uuid(0xabc)), uuid(0xabc), uuid(0xabc) + "-", uuid(0xabc)[1:]}),
	)
}

func TestInstanceKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := instanceIDs().Draw(t, "a"), instanceIDs().Draw(t, "b")
		if got := Instance(Key(a)); got != a {
			t.Fatalf("%q comes back as %q", a, got)
		}
		if a != b && bytes.Equal(Key(a), Key(b)) {
			t.Fatalf("%q and %q share the key %x", a, b, Key(a))
		}
	})
}

func TestUUIDKeysAreShort(t *testing.T) {
	for id, want := range map[string]int{
		uuid(0xabc):                                uuidKeyLen,
		"00000000-0000-0000-0000-000000000000":     uuidKeyLen,
		strings.ToUpper(uuid(0xabc)):               uuidLen, // else the text would not come back
		strings.ReplaceAll(uuid(1), "-", "0"):      uuidLen,
		"0000000-00000-0000-0000-0000000000000":    37,
		strings.Replace(uuid(1), "0", "-", 1):      uuidLen,
		strings.Replace(uuid(1), "000-", "-00", 1): 35,
	} {
		if got := len(Key(id)); got != want {
			t.Errorf("the key of %s has %d bytes, want %d", id, got, want)
		}
	}
}

// Every key lies in one stretch and no more, those at the bounds too.
func TestSplitKeys(t *testing.T) {
	keys := [][]byte{[]byte("!"), []byte("a"), []byte("ffff"), {0xff}}
	for first := range 256 {
		key := append([]byte{0, byte(first)}, make([]byte, uuidKeyLen-2)...)
		keys = append(keys, key, append(bytes.Clone(key[:uuidKeyLen-1]), 1), append([]byte{0, byte(first)}, bytes.Repeat([]byte{0xff}, uuidKeyLen-2)...))
	}
	for n := 1; n <= 16; n++ {
		ranges := Split(n)
		for _, key := range keys {
			in := 0
			for _, r := range ranges {
				if bytes.Compare(key, r.After) > 0 && !r.EndsBefore(key) {
					in++
				}
			}
			if in != 1 {
				t.Fatalf("of %d stretches, %d have %x", len(ranges), in, key)
			}
		}
		for i, r := range ranges {
			if uuids := keys[4:]; !slices.ContainsFunc(uuids, func(key []byte) bool { return bytes.Compare(key, r.After) > 0 && !r.EndsBefore(key) }) {
				t.Errorf("stretch %d of %d has no UUID", i, n)
			}
		}
	}
}
