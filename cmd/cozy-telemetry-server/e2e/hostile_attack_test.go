//go:build !race

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/attack"
)

// The race detector takes several times the memory that is promised.
//
// All that strangers were seen to try, one after the other on a server with default
// limits beside an honest fleet: no promise is broken, and the honest figures are those
// of before, to the digit. `loadgen attack` does the same in full size.
func TestAttacks(t *testing.T) {
	for _, key := range attack.Keys() {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			table, err := attack.Run(t.Context(), attack.Options{
				Server: cli.Name, Dir: t.TempDir(), Size: attack.Small(), Only: []string{key}, Now: time.Now,
			})
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			if _, err := table.WriteTo(&text); err != nil {
				t.Fatal(err)
			}
			t.Log(text.String())
			if n := table.Broken(); n > 0 || len(table.Rows) != 1 {
				t.Errorf("%d promises are broken", n)
			}
		})
	}
}
