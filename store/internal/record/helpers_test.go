package record

import (
	"fmt"
	"testing"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// uuid returns the n-th of some instance ids that are UUIDs, spread over all keys.
func uuid(n int) string { return fmt.Sprintf("%02x%06x-0000-4000-8000-%012x", byte(97*n), n, n) }
