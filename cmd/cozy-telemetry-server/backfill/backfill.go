// Package backfill is the command and the job of that name: months are taken over from a
// VictoriaMetrics into a file.
//
// [Months] are what is asked for (months.go). A [Filler] takes them over into an open file
// (backfill.go); how samples become days is overview/backfill's. [Command] has one fill a
// file that no server has open (command.go), and tells how far it is (onlooker.go). A
// file that a server has open is filled by that server: its [Loop] takes one job at a
// time from its private listener (handler.go), where the command asks it to (ask.go).
package backfill

import (
	"context"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/backfill"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Filler takes days over into an open file. All of it is required, but for URL: without
// one a [Loop] refuses every job.
type Filler struct {
	URL      string
	Rules    ingest.Rules
	Store    *store.Store
	Overview *overview.Overview
	Now      func() time.Time
}

// watcher is told how a backfill goes.
type watcher interface {
	onDay(backfill.Progress)
	onMonth(rollup.MonthID)
	onRetry(error)
}

// fill takes over, and makes what is stored of the months follow.
func (b Filler) fill(ctx context.Context, t Months, w watcher) (backfill.Progress, error) {
	return backfill.Run(ctx, b.Store, backfill.Config{
		URL: b.URL, From: t.From, To: t.To, Again: t.Again, Now: b.Now, Rules: b.Rules,
		OnDay: w.onDay, OnRetry: w.onRetry,
		OnMonth: func(ctx context.Context, month rollup.MonthID) error {
			_, err := b.Overview.Recount(ctx, month)
			if err == nil {
				w.onMonth(month)
			}
			return err
		},
	})
}
