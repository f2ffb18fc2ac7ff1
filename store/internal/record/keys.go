package record

import (
	"bytes"
	"encoding/hex"
)

// A UUID in its usual form, which is what Cozystack's clusters send, is kept as
// a zero byte and its 16 bytes. No instance id starts with a zero byte, so the
// two forms can't meet.
const (
	uuidLen    = 36
	uuidKeyLen = 1 + 16
)

// Key returns the key of an instance's record.
func Key(instance string) []byte {
	key := make([]byte, uuidKeyLen)
	if packUUID(key[1:], instance) {
		return key
	}
	return []byte(instance)
}

// Instance returns the instance whose key it is.
func Instance(key []byte) string {
	if len(key) != uuidKeyLen || key[0] != 0 {
		return string(key)
	}
	var s [uuidLen]byte
	hex.Encode(s[0:8], key[1:5])
	hex.Encode(s[9:13], key[5:7])
	hex.Encode(s[14:18], key[7:9])
	hex.Encode(s[19:23], key[9:11])
	hex.Encode(s[24:36], key[11:17])
	for _, i := range []int{8, 13, 18, 23} {
		s[i] = '-'
	}
	return string(s[:])
}

// IsKey tells whether a key is that of an instance, in the one form that it has.
func IsKey(key []byte) bool {
	instance := Instance(key)
	return instance != "" && bytes.Equal(Key(instance), key) && (key[0] == 0) == (len(key) == uuidKeyLen && len(instance) == uuidLen)
}

// packUUID fills dst with the bytes of a UUID in lower case. It reports false
// for any other string: the key must give back the very same text.
func packUUID(dst []byte, s string) bool {
	if len(s) != uuidLen || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return false
	}
	for i, j := 0, 0; i < uuidLen; i++ {
		if s[i] == '-' {
			if i != 8 && i != 13 && i != 18 && i != 23 {
				return false
			}
			continue
		}
		v, ok := lowerHex(s[i])
		if !ok {
			return false
		}
		dst[j/2] = dst[j/2]<<4 | v
		j++
	}
	return true
}

func lowerHex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// Range is a stretch of keys: those behind After, up to and including Through.
// nil is no bound.
type Range struct{ After, Through []byte }

// EndsBefore tells whether a key lies behind the stretch.
func (r Range) EndsBefore(key []byte) bool {
	return r.Through != nil && bytes.Compare(key, r.Through) > 0
}

// Split divides all keys into n stretches. Packed UUIDs, whose first byte is
// as good as random, are spread evenly; all other ids fall into the last one.
func Split(n int) []Range {
	ranges := make([]Range, n)
	for i := 1; i < n; i++ {
		bound := []byte{0, byte(i * 256 / n)}
		ranges[i-1].Through, ranges[i].After = bound, bound
	}
	return ranges
}
