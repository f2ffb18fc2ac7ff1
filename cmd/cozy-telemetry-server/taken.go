package main

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// taken says what is taken of a cluster, whether it reports it or a backfill brings
// it.
type taken struct {
	limits ingest.Limits // of one report
	bounds rollup.Bounds // of a day
}

func bindTakenFlags(f *pflag.FlagSet, t *taken) {
	l, d := &t.limits, ingest.DefaultLimits()
	f.IntVar(&l.Samples, "max-samples", d.Samples, "most samples in a report")
	f.IntVar(&l.Labels, "max-labels", d.Labels, "most labels of a sample")
	f.IntVar(&l.LabelBytes, "max-label-bytes", d.LabelBytes, "longest name or label value")
	f.IntVar(&l.Nodes, "max-nodes", d.Nodes, "most nodes that are plausible for one cluster")
	f.IntVar(&l.Tenants, "max-tenants", d.Tenants, "most tenants that are plausible for one cluster")
	f.IntVar(&l.Apps, "max-apps", d.Apps, "most applications of a kind that are plausible for one cluster")
	f.StringSliceVar(&l.Allow, "metric-allow", d.Allow, "names of the metrics that are kept, as patterns")
	f.IntVar(&t.bounds.Series, "max-day-series", 5000, "most series kept per cluster and day; the rest is left out and counted")
	f.IntVar(&t.bounds.Kinds, "max-day-kinds", 200, "most kinds of applications kept per cluster and day")
}

func (t taken) check() error {
	return errors.Join(
		checkRange("max-samples", t.limits.Samples, 1, 1_000_000),
		checkRange("max-labels", t.limits.Labels, 1, 1000),
		checkRange("max-label-bytes", t.limits.LabelBytes, 1, 1<<16),
		checkRange("max-nodes", t.limits.Nodes, 1, 1<<40),
		checkRange("max-tenants", t.limits.Tenants, 1, 1<<40),
		checkRange("max-apps", t.limits.Apps, 1, 1<<40),
		checkPatterns(t.limits.Allow),
		checkRange("max-day-series", t.bounds.Series, 1, 1_000_000),
		checkRange("max-day-kinds", t.bounds.Kinds, 1, 1_000_000),
	)
}
