// Package program is the command line of cozy-telemetry-server: what main calls, and
// what the tests of the real program let their binary be.
//
// [Main] takes what the process has, and a context that ends with a signal
// (program.go). [Run] finds the command, runs it, and makes of its error lines and an
// exit code (root.go). Without a command that is the server, of package serve. The
// others are those on a file at rest, of package offline; those that ask a server, of
// the packages backup and backfill; and two that are here: version and healthcheck.
// What all of them share is in package cli.
package program

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

// Main is the whole program: it ends the process with the exit code.
func Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Run(ctx, cli.Environment{
		Args:   os.Args[1:],
		Getenv: os.LookupEnv, Environ: os.Environ,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Now:    time.Now,
	})
	stop()
	os.Exit(code)
}
