// Command cozy-telemetry-server receives anonymous usage reports from Cozystack
// clusters, keeps them safe in one file, forwards them to VictoriaMetrics, and
// publishes monthly statistics. README.md shows its way from the outside,
// CONTRIBUTING.md its rooms.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, environment{
		args:   os.Args[1:],
		getenv: os.LookupEnv,
		stdout: os.Stdout,
		stderr: os.Stderr,
		now:    time.Now,
	})
	stop()
	os.Exit(code)
}
