package offline

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func newForget(env cli.Environment) *cobra.Command {
	f := forgetter{env: env}
	cmd := &cobra.Command{
		Use:   "forget",
		Short: "Remove every byte of one cluster from a file and its mirror",
		Long: `Removes a cluster from a file and its mirror: its days and months, and what of it waits
to be forwarded. The file is written anew, so that nothing is left in free space either.
Stop the server before. Sums over all clusters that were made already stay, as do
backups, mirrors that were set aside, and what VictoriaMetrics has been sent: remove
those there.`,
		Example: "  cozy-telemetry-server forget --db telemetry.db --snapshot-dir snapshots --cluster 3f2504e0-4f89-41d3-9a0c-0305e82c3301",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f.in, f.out = cmd.InOrStdin(), cmd.OutOrStdout()
			return f.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.db, "db", "", "the database file")
	flags.StringVar(&f.cluster, "cluster", "", "the cluster's id")
	flags.StringVar(&f.mirror, "snapshot-dir", "", "the mirror; empty: there is none")
	flags.BoolVar(&f.yes, "yes", false, "do not ask")
	return cli.Checked(cmd, nil, "db", "cluster")
}

// forgetter removes a cluster.
type forgetter struct {
	env                 cli.Environment
	in                  io.Reader
	out                 io.Writer
	db, cluster, mirror string
	yes                 bool
}

func (f *forgetter) run(ctx context.Context) error {
	if f.mirror != "" {
		// Before anything is removed: a name that is mistyped would spare the true mirror.
		if err := errors.Join(checkMirror(f.mirror), f.checkAhead()); err != nil {
			return err
		}
		unlock, err := mirror.Lock(f.mirror)
		if err != nil {
			return fmt.Errorf("nothing was removed: %w in %s; stop it, or name the mirror of the file", err, f.mirror)
		}
		defer unlock()
	}
	if err := f.confirm(); err != nil {
		return err
	}
	p := cli.NewProgress(f.env, "forget")
	records, err := rewrite.Forget(ctx, f.db, rollup.Cozystack, f.cluster, p.Tell)
	p.End()
	if err != nil {
		return err
	}
	fmt.Fprintf(f.out, "%s: %s and lines removed\n", f.db, cli.CountOf(records, "record"))
	if f.mirror == "" {
		return nil
	}
	return f.withMirror(func(m *mirror.Mirror) error {
		lines, err := m.Forget(ctx, rollup.Cozystack, f.cluster)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(f.out, "%s: %s removed\n", f.mirror, cli.CountOf(lines, "line"))
		return err
	})
}

func (f *forgetter) withMirror(run func(*mirror.Mirror) error) error {
	return withFile(f.db, func(s *store.Store) error {
		return run(mirror.New(f.mirror, untouched{s}, mirror.Config{}))
	})
}

// checkAhead refuses a mirror that has more than the file, before either is changed:
// what is forgotten gives days of the file new versions, and so would hide it.
func (f *forgetter) checkAhead() error {
	return f.withMirror(func(m *mirror.Mirror) error {
		days, err := m.Ahead()
		if err == nil && len(days) > 0 {
			err = fmt.Errorf("nothing was removed: %w; start the server on the file, it says what to do", mirror.ErrAhead)
		}
		return err
	})
}

var errNotConfirmed = errors.New("nothing was removed; say yes, or give --yes")

// confirm asks a person, and believes nothing but yes.
func (f *forgetter) confirm() error {
	if f.yes {
		return nil
	}
	fmt.Fprintf(f.out, "Remove all of cluster %s for good? Type yes: ", f.cluster)
	line, err := bufio.NewReader(f.in).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.TrimSpace(line) != "yes" {
		return errNotConfirmed
	}
	return nil
}
