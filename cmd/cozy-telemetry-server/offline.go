package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// newOffline returns the commands that work on files without a server.
func newOffline(env environment) []*cobra.Command {
	return []*cobra.Command{
		newOverviewCommand(env), newInspect(), newExport(env), newVerify(env),
		newMerge(env), newCompact(env), newRestore(env), newForget(env), newResend(env),
	}
}

// checked makes a command refuse what is wrong with its flags, all at once, before
// it runs. Its help has them in the order in which they were made.
func checked(cmd *cobra.Command, check func() error, needed ...string) *cobra.Command {
	cmd.Flags().SortFlags = false
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		var errs []error
		for _, flag := range needed {
			if cmd.Flag(flag).Value.String() == "" {
				errs = append(errs, fmt.Errorf("--%s: is required", flag))
			}
		}
		return errors.Join(append(errs, check())...)
	}
	return cmd
}

func noCheck() error { return nil }

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
	stored, ok, err := u.Snapshot(offered.Month)
	if err != nil || !ok {
		return offered, err
	}
	return rollup.Keep(stored, offered), nil
}

// FoldDays does nothing: what was not folded is read day by day.
func (untouched) FoldDays(context.Context, rollup.MonthID, rollup.Date) error { return nil }

// PutAppList keeps nothing.
func (untouched) PutAppList(context.Context, []byte) error { return nil }

// countOf writes a number with what is counted, such as "1 day" and "2 days".
func countOf(n int, what string) string {
	if n != 1 {
		if stem, ok := strings.CutSuffix(what, "y"); ok && stem != "da" {
			what = stem + "ie"
		}
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
