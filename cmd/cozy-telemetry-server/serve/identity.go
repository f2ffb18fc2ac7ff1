package serve

import (
	"context"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

// buildIdentity gives the file the key of --identity-key-file, before anything asks for one.
func (s *server) buildIdentity(cli.Environment) error {
	key, err := cli.IdentityKey(s.cfg.identityKeyFile)
	if err != nil || key == nil {
		return err
	}
	return s.store.UseIdentityKey(context.Background(), key)
}
