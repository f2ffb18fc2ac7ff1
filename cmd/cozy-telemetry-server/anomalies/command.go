package anomalies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview/anomaly"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// Command tells what is not usual, in a file or on a running server.
func Command(env cli.Environment) *cobra.Command {
	var db, admin, tokenFile string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "anomalies",
		Short: "Tell what looks made up in the figures; exit 1 if anything does",
		Long: `Tells of a wave of new ids, of clusters that have a large part of a total, of a month
above its history, and of many clusters that report the same: how much it is, how much
is usual, some ids, and the command that leaves them out of the figures. A running
server also tells of reports that it refuses and series that it leaves out.

Without --db it asks the server on this machine. A file is only read.`,
		Example: `  cozy-telemetry-server anomalies
  cozy-telemetry-server anomalies --db copy.db --json`,
		Args: cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var l Look
			var err error
			if db != "" {
				l, err = lookAtFile(cmd.Context(), env, db)
			} else {
				l, err = ask(cmd.Context(), admin, tokenFile)
			}
			if err != nil {
				return err
			}
			return tell(cmd, l, asJSON)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&db, "db", "", "the database file; empty: a server is asked")
	f.StringVar(&admin, "admin-addr", cli.DefaultAdminAddr, "the server's private listener")
	f.StringVar(&tokenFile, "admin-token-file", "", "file with the token that it asks for")
	f.BoolVar(&asJSON, "json", false, "print JSON in place of text")
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if cli.NamesServer(cmd.Flags()) {
			db = ""
		}
		return cli.CheckAddr("admin-addr", admin)
	}
	return cmd
}

// lookAtFile looks at a file that no server has open.
func lookAtFile(ctx context.Context, env cli.Environment, path string) (l Look, err error) {
	s, err := store.OpenReadOnly(path)
	if errors.Is(err, dberrors.ErrLocked) {
		return l, fmt.Errorf("%w; or leave --db out, and the server is asked at --admin-addr", err)
	}
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return look(ctx, s, anomaly.Traffic{}, env.Now())
}

// tell prints a look. Anomalies are an error, so that cron and scripts hear of them.
func tell(cmd *cobra.Command, l Look, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetIndent("", "  ")
		if err := e.Encode(l); err != nil {
			return err
		}
	} else if err := l.write(cmd.OutOrStdout()); err != nil {
		return err
	}
	if n := len(l.Findings); n > 0 {
		return fmt.Errorf("%s found", cli.CountOf(n, "anomaly"))
	}
	return nil
}
