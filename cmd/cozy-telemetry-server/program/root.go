package program

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/anomalies"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backfill"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backup"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/exclude"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/forget"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/offline"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/serve"
)

// Exit codes beside 0: something went wrong, or the command line is.
const (
	ExitFailure = 1
	ExitUsage   = 2
)

// errInterrupted is what a signal makes of a command. What it was to write is not there.
var errInterrupted = errors.New("interrupted before it was done; run it again")

// Run executes the command line and returns the exit code. The error, if there is
// one, is on env.Stderr: a line for each that was joined. A command ends early with
// ctx; a server then ends as it should, with 0.
func Run(ctx context.Context, env cli.Environment) int {
	root := newRoot(env)
	root.SetArgs(env.Args)
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = errInterrupted
	}
	if errors.Is(err, syscall.ENOSPC) && cmd.HasParent() {
		err = fmt.Errorf("%w; free space on the disk, or name a file on another", err)
	}
	for _, e := range flatten(err) {
		fmt.Fprintf(env.Stderr, "%s: %v\n", cli.Name, e)
	}
	if errors.As(err, new(cli.UsageError)) {
		fmt.Fprintf(env.Stderr, "%s: see %s --help\n", cli.Name, cmd.CommandPath())
		return ExitUsage
	}
	return ExitFailure
}

// flatten returns the errors that were joined, so that each gets its own line.
func flatten(err error) []error {
	var usage cli.UsageError
	if errors.As(err, &usage) && err == error(usage) {
		err = usage.Err
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, flatten(e)...)
	}
	return all
}

func newRoot(env cli.Environment) *cobra.Command {
	var cfg serve.Config
	root := &cobra.Command{
		Use:   cli.Name,
		Short: "Receives usage reports of Cozystack clusters and publishes monthly statistics",
		Long: `cozy-telemetry-server receives anonymous usage reports from Cozystack clusters,
keeps them in one embedded file, forwards them to VictoriaMetrics, and answers
with monthly statistics. Without a command it serves.`,
		Example: `  # without any VictoriaMetrics
  cozy-telemetry-server --forward-url= --vmselect-url= --db-path ./data/telemetry.db --snapshot-dir ./data/snapshots`,
		Args:          cli.NoArguments,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve.Run(cmd.Context(), cfg, env)
		},
	}
	cfg.Bind(root.Flags())
	root.PreRunE = func(*cobra.Command, []string) error { return cfg.Check() }
	root.SetFlagErrorFunc(wrongFlag)
	root.SuggestionsMinimumDistance = 2 // letters
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newVersion(), newHealthcheck(), backup.Command(env), backfill.Command(env), forget.Command(env), anomalies.Command(env))
	root.AddCommand(exclude.Commands(env)...)
	root.AddCommand(offline.Commands(env)...)
	for _, cmd := range append(root.Commands(), root) {
		cli.TakeBothNames(cmd)
		cli.BindTwins(cmd, env.Getenv)
	}
	root.PersistentPreRun = func(*cobra.Command, []string) {
		for _, line := range cli.Strangers(env.Environ(), append(root.Commands(), root)) {
			fmt.Fprintf(env.Stderr, "%s: %s\n", cli.Name, line)
		}
	}
	return root
}

// wrongFlag is an error of usage. Flags of a command that was misspelled are none of the
// server's: then the command is what is wrong.
func wrongFlag(cmd *cobra.Command, err error) error {
	if args := cmd.Flags().Args(); !cmd.HasParent() && len(args) > 0 {
		return cli.NoArguments(cmd, args)
	}
	return cli.UsageError{Err: err}
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  cozy-telemetry-server version",
		Args:    cli.NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), cli.Name, cli.Version())
			return err
		},
	}
}
