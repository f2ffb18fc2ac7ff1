package main

import (
	"errors"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// takenFlags say what is taken of a cluster, whether it reports it or a backfill
// brings it.
type takenFlags struct {
	samples, labels, labelBytes int
	nodes, tenants, apps        int
	allow                       []string
	daySeries, dayKinds         int
}

func bindTakenFlags(f *pflag.FlagSet, t *takenFlags) {
	f.IntVar(&t.samples, "max-samples", 5000, "most samples in a report")
	f.IntVar(&t.labels, "max-labels", 24, "most labels of a sample")
	f.IntVar(&t.labelBytes, "max-label-bytes", 1024, "longest name or label value")
	f.IntVar(&t.nodes, "max-nodes", 10_000, "most nodes that are plausible for one cluster")
	f.IntVar(&t.tenants, "max-tenants", 10_000, "most tenants that are plausible for one cluster")
	f.IntVar(&t.apps, "max-apps", 100_000, "most applications of a kind that are plausible for one cluster")
	f.StringSliceVar(&t.allow, "metric-allow", []string{"cozy_*"}, "names of the metrics that are kept, as patterns")
	f.IntVar(&t.daySeries, "max-day-series", 5000, "most series kept per cluster and day; the rest is left out and counted")
	f.IntVar(&t.dayKinds, "max-day-kinds", 200, "most kinds of applications kept per cluster and day")
}

func (t takenFlags) check() error {
	return errors.Join(
		checkRange("max-samples", t.samples, 1, 1_000_000),
		checkRange("max-labels", t.labels, 1, 1000),
		checkRange("max-label-bytes", t.labelBytes, 1, 1<<16),
		checkRange("max-nodes", t.nodes, 1, 1<<40),
		checkRange("max-tenants", t.tenants, 1, 1<<40),
		checkRange("max-apps", t.apps, 1, 1<<40),
		checkPatterns(t.allow),
		checkRange("max-day-series", t.daySeries, 1, 1_000_000),
		checkRange("max-day-kinds", t.dayKinds, 1, 1_000_000),
	)
}

// limits returns what one report may be, but for the size of its body.
func (t takenFlags) limits() ingest.Limits {
	return ingest.Limits{
		Samples: t.samples, Labels: t.labels, LabelBytes: t.labelBytes,
		Nodes: t.nodes, Tenants: t.tenants, Apps: t.apps, Allow: t.allow,
	}
}

// bounds returns what is kept of a day.
func (t takenFlags) bounds() rollup.Bounds {
	return rollup.Bounds{Series: t.daySeries, Kinds: t.dayKinds}
}
