// Package limits bounds what a file takes of a cluster: the flags that the server and a
// backfill share, and what no flag changes. So nothing comes in by one way that the other
// would refuse. What bounds senders and connections is the server's alone, in package
// serve.
package limits

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Dictionary bounds the series of a month over all clusters. Real fleets stay
// far below it.
const Dictionary = 500_000

// Lasting are the metrics that clusters and nodes are counted by.
func Lasting() []string { return []string{rollup.MetricInfo, rollup.MetricNodes} }

// Known are the series that tenants and the kinds of applications are counted by that the
// server knows, without any other label.
func Known() []rollup.Series {
	known := []rollup.Series{rollup.MetricTenants}
	for _, kind := range appsource.Kinds() {
		known = append(known, rollup.NewSeries(rollup.MetricApplications, []rollup.Label{{Name: rollup.LabelKind, Value: kind}}))
	}
	return known
}

// Flags say what is taken of a cluster, whether it reports it or a backfill brings it.
// The zero Flags are to be filled by Bind and a parse.
type Flags struct {
	Limits ingest.Limits // of one report
	Bounds rollup.Bounds // of a day
}

// Bind declares the flags, with their defaults.
func (t *Flags) Bind(f *pflag.FlagSet) {
	l, d := &t.Limits, ingest.DefaultLimits()
	f.IntVar(&l.Samples, "max-samples", d.Samples, "most samples in a report")
	f.IntVar(&l.Labels, "max-labels", d.Labels, "most labels of a sample")
	f.IntVar(&l.LabelBytes, "max-label-bytes", d.LabelBytes, "longest name or label value")
	f.IntVar(&l.Nodes, "max-nodes", d.Nodes, "most nodes that are plausible for one cluster")
	f.IntVar(&l.Tenants, "max-tenants", d.Tenants, "most tenants that are plausible for one cluster")
	f.IntVar(&l.Apps, "max-apps", d.Apps, "most applications of a kind that are plausible for one cluster")
	f.StringSliceVar(&l.Allow, "metric-allow", d.Allow, "names of the metrics that are kept, as patterns")
	f.IntVar(&t.Bounds.Series, "max-day-series", 5000, "most series kept per cluster and day; the rest is left out and counted")
	f.IntVar(&t.Bounds.Kinds, "max-day-kinds", 200, "most kinds of applications kept per cluster and day")
}

// Check returns an error for each flag whose value can't be used.
func (t Flags) Check() error {
	return errors.Join(
		cli.CheckRange("max-samples", t.Limits.Samples, 1, 1_000_000),
		cli.CheckRange("max-labels", t.Limits.Labels, 1, 1000),
		cli.CheckRange("max-label-bytes", t.Limits.LabelBytes, 1, 1<<16),
		cli.CheckRange("max-nodes", t.Limits.Nodes, 1, 1<<40),
		cli.CheckRange("max-tenants", t.Limits.Tenants, 1, 1<<40),
		cli.CheckRange("max-apps", t.Limits.Apps, 1, 1<<40),
		checkPatterns(t.Limits.Allow),
		cli.CheckRange("max-day-series", t.Bounds.Series, 2, 1_000_000),
		cli.CheckRange("max-day-kinds", t.Bounds.Kinds, 1, 1_000_000),
	)
}

func checkPatterns(patterns []string) error {
	if err := (ingest.Limits{Allow: patterns}).Check(); err != nil || len(patterns) == 0 {
		return errors.New("--metric-allow: not a list of patterns such as cozy_*")
	}
	return nil
}
