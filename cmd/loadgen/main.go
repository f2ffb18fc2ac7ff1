// Command loadgen simulates a fleet of cozystack clusters. It posts their
// reports to a telemetry server, or writes months of them into a VictoriaMetrics
// or a database file, and says what must then be counted. It also measures the
// server beside other programs.
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
	defer stop()
	if err := newCommand(os.Stdout, os.Stderr, time.Now).ExecuteContext(ctx); err != nil {
		os.Exit(1)
	}
}
