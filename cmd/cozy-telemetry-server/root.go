package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// name is what the program is called in its messages.
const name = "cozy-telemetry-server"

// Exit codes beside 0: something went wrong, or the command line is.
const (
	exitFailure = 1
	exitUsage   = 2
)

// environment is all that the program takes from outside.
type environment struct {
	args           []string
	getenv         func(key string) (value string, ok bool)
	stdout, stderr io.Writer
	now            func() time.Time
}

// usageError is an error of the command line or of an environment variable.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// errInterrupted is what a signal makes of a command. What it was to write is not there.
var errInterrupted = errors.New("interrupted before it was done; run it again")

// run executes the command line and returns the exit code.
func run(ctx context.Context, env environment) int {
	root := newRoot(env)
	root.SetArgs(env.args)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
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
		fmt.Fprintf(env.stderr, "%s: %v\n", name, e)
	}
	if errors.As(err, new(usageError)) {
		fmt.Fprintf(env.stderr, "%s: see %s --help\n", name, cmd.CommandPath())
		return exitUsage
	}
	return exitFailure
}

// flatten returns the errors that were joined, so that each gets its own line.
func flatten(err error) []error {
	var usage usageError
	if errors.As(err, &usage) && err == error(usage) {
		err = usage.err
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

func newRoot(env environment) *cobra.Command {
	var cfg config
	root := &cobra.Command{
		Use:   name,
		Short: "Receives usage reports of Cozystack clusters and publishes monthly statistics",
		Long: `cozy-telemetry-server receives anonymous usage reports from Cozystack clusters,
keeps them in one embedded file, forwards them to VictoriaMetrics, and answers
with monthly statistics. Without a command it serves.`,
		Example: `  # without any VictoriaMetrics
  cozy-telemetry-server --forward-url= --vmselect-url= --db-path ./data/telemetry.db --snapshot-dir ./data/snapshots`,
		Args:          noArguments,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return serve(cmd.Context(), cfg, env)
		},
	}
	bindFlags(root.Flags(), &cfg)
	root.PreRunE = func(*cobra.Command, []string) error { return cfg.check() }
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newVersion(), newHealthcheck(), newBackup(env), newBackfill(env))
	root.AddCommand(newOffline(env)...)
	for _, cmd := range append(root.Commands(), root) {
		bindTwins(cmd, env.getenv)
	}
	return root
}

func noArguments(cmd *cobra.Command, args []string) error {
	switch {
	case len(args) > 0 && cmd.HasParent():
		return usageError{fmt.Errorf("unexpected argument %q: %s takes flags only", args[0], cmd.Name())}
	case len(args) > 0:
		return usageError{fmt.Errorf("unknown command %q", args[0])}
	}
	return nil
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  cozy-telemetry-server version",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), name, version())
			return err
		},
	}
}

// version is the module's version, or its commit, as the Go tool has noted it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}
