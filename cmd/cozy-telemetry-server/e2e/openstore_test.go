package e2e

import (
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store"
)

// openStore opens a file that no server has open, or makes it. The caller closes it.
func openStore(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
