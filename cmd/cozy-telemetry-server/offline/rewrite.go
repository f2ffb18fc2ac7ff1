package offline

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
)

// newMerge makes one file of several, such as those of two replicas.
func newMerge(env cli.Environment) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "merge FILE...",
		Short: "Make one file of several, such as those of two servers",
		Long: `Makes a new file that has what all of the files have, as if one server had taken all
of their reports. What several of them have counts once. The files are only read. What
waits in their queues is not taken over: let each server deliver its own. Files whose servers
hash names of other products' instances under different keys can't be merged.`,
		Example: "  cozy-telemetry-server merge a.db b.db -o all.db",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cli.UsageError{Err: errors.New("merge: name the files to merge")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, files []string) error {
			if err := cli.CheckNew(output); err != nil {
				return err
			}
			p := cli.NewProgress(env, "merge")
			did, err := rewrite.Combine(cmd.Context(), output, files, p.Tell)
			p.End()
			if errors.Is(err, dberrors.ErrKeys) {
				return fmt.Errorf("%w: an instance that has reported to two of the servers would count twice; give servers that share instances one --identity-key-file from the start", err)
			}
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			fmt.Fprintf(w, "%s has all of %s\n", output, cli.CountOf(len(files), "file"))
			if did.QueuedSamples > 0 {
				fmt.Fprintf(w, "not taken over: %d samples that wait to be forwarded\n", did.QueuedSamples)
			}
			if did.DaysLeftOut > 0 {
				fmt.Fprintf(w, "%s of which a file has only the month: in the months, not as days\n", cli.CountOf(did.DaysLeftOut, "day"))
			}
			if did.SnapshotsDropped > 0 {
				fmt.Fprintf(w, "%s to be counted anew by the server: the merged rollups know more\n", cli.CountOf(did.SnapshotsDropped, "month"))
			}
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "the file to make; there must be none of that name")
	return cli.Checked(cmd, nil, "output")
}

// newCompact rewrites a file without the space that is free in it.
func newCompact(env cli.Environment) *cobra.Command {
	var db, output string
	cmd := &cobra.Command{
		Use:   "compact",
		Short: "Copy a file without its free space",
		Long: `Copies a file without the free space in it. The copy has all that the file has, the
queue too, and can take its place. The file is only read.`,
		Example: "  cozy-telemetry-server compact --db telemetry.db -o small.db",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := cli.CheckNew(output); err != nil {
				return err
			}
			p := cli.NewProgress(env, "compact")
			err := rewrite.Compact(cmd.Context(), db, output, p.Tell)
			p.End()
			if err != nil {
				return err
			}
			before, beforeErr := os.Stat(db)
			after, afterErr := os.Stat(output)
			if err := errors.Join(beforeErr, afterErr); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s has %s, %s has %s\n", db, cli.BytesText(before.Size()), output, cli.BytesText(after.Size()))
			return err
		},
	}
	cmd.Flags().StringVar(&db, "db", "", "the database file")
	cmd.Flags().StringVarP(&output, "output", "o", "", "the file to make; there must be none of that name")
	return cli.Checked(cmd, nil, "db", "output")
}
