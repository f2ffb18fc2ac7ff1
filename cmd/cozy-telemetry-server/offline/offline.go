package offline

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Commands returns the commands that work on files without a server.
func Commands(env cli.Environment) []*cobra.Command {
	return []*cobra.Command{
		newOverview(env), newDataset(env), newInspect(), newExport(env), newVerify(env),
		newMerge(env), newCompact(env), newRestore(env), newResend(env),
	}
}

// withFile runs a command on a file that is opened for reading only.
func withFile(path string, run func(*store.Store) error) error {
	s, err := store.OpenReadOnly(path)
	if err != nil {
		return err
	}
	return errors.Join(run(s), s.Close())
}

// untouched is a file that packages may work on as if they could write. What they
// would note there is passed over.
type untouched struct{ *store.Store }

// OfferSnapshot returns what would stand, and keeps nothing.
func (u untouched) OfferSnapshot(_ context.Context, offered rollup.Snapshot) (rollup.Snapshot, error) {
	return u.WouldKeep(offered)
}

// OfferProductSnapshot does so too.
func (u untouched) OfferProductSnapshot(_ context.Context, offered rollup.ProductSnapshot) (rollup.ProductSnapshot, error) {
	return u.WouldKeepProduct(offered)
}

// CloseDays does nothing: what was not closed is read day by day.
func (untouched) CloseDays(context.Context, rollup.MonthID, rollup.Date) error { return nil }

// PutAppList keeps nothing.
func (untouched) PutAppList(context.Context, []byte) error { return nil }

// checkMirror refuses a mirror that is not there.
func checkMirror(path string) error { return cli.CheckFolder("--snapshot-dir: ", path) }
