package serve

import (
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/limits"
)

// A server bounds what its readers hold in memory; the store by itself does not.
func TestServerBoundsTheDictionary(t *testing.T) {
	if got := new(server).storeOptions(cli.Environment{}).Dictionary; got != limits.Dictionary {
		t.Errorf("the bound is %d", got)
	}
}
