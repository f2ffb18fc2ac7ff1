package store

import (
	"bytes"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
)

// The key is made once, stays with the file and with what is made of it alone, and is
// another one in another file.
func TestIdentityKey(t *testing.T) {
	path, copied := filepath.Join(t.TempDir(), "telemetry.db"), filepath.Join(t.TempDir(), "copy.db")
	keyOf := func(path string) (key []byte) {
		t.Helper()
		s, err := Open(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		var at sync.WaitGroup
		keys := make([][]byte, 8)
		for i := range keys {
			at.Go(func() {
				var err error
				if keys[i], err = s.IdentityKey(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		at.Wait()
		for _, k := range keys {
			if len(k) != identityBytes || !bytes.Equal(k, keys[0]) || bytes.Equal(k, make([]byte, identityBytes)) {
				t.Fatalf("keys %x", keys)
			}
		}
		return keys[0]
	}
	key := keyOf(path)
	if again := keyOf(path); !bytes.Equal(again, key) {
		t.Errorf("%x became %x", key, again)
	}
	if err := rewrite.Compact(t.Context(), path, copied, nil); err != nil {
		t.Fatal(err)
	}
	if got := keyOf(copied); !bytes.Equal(got, key) {
		t.Errorf("compacted: %x became %x", key, got)
	}
	if other := keyOf(filepath.Join(t.TempDir(), "other.db")); bytes.Equal(other, key) {
		t.Error("two files have one key")
	}
}
