package ingest

import (
	"cmp"
	"errors"
	"fmt"
	"path"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Limits bound what one report may be. What is 0 or empty is as in DefaultLimits.
type Limits struct {
	// BodyBytes bounds a body, as it comes and after decompression.
	BodyBytes int64
	// Samples bounds the samples of a report.
	Samples int
	// Labels bounds the labels of a sample.
	Labels int
	// LabelBytes bounds a metric's name, a label's name and a label's value, in
	// bytes.
	LabelBytes int
	// Nodes, Tenants and Apps bound what is plausible for one cluster: the sum of
	// cozy_nodes_count, the tenants, and the applications of any one kind.
	Nodes, Tenants, Apps int
	// Allow are the names of the metrics that are kept, as patterns of path.Match;
	// others are dropped and counted.
	Allow []string
}

// DefaultLimits returns the limits that real clients stay far below: their reports
// have some 85 samples in 8 KiB.
func DefaultLimits() Limits {
	return Limits{
		BodyBytes:  1 << 20,
		Samples:    5000,
		Labels:     24,   // VictoriaMetrics silently drops labels above 30
		LabelBytes: 1024, // VictoriaMetrics silently cuts values above 4096
		Nodes:      10_000,
		Tenants:    10_000,
		Apps:       100_000,
		Allow:      []string{"cozy_*"},
	}
}

func (l Limits) withDefaults() Limits {
	d := DefaultLimits()
	l.BodyBytes = cmp.Or(l.BodyBytes, d.BodyBytes)
	l.Samples = cmp.Or(l.Samples, d.Samples)
	l.Labels = cmp.Or(l.Labels, d.Labels)
	l.LabelBytes = cmp.Or(l.LabelBytes, d.LabelBytes)
	l.Nodes = cmp.Or(l.Nodes, d.Nodes)
	l.Tenants = cmp.Or(l.Tenants, d.Tenants)
	l.Apps = cmp.Or(l.Apps, d.Apps)
	if len(l.Allow) == 0 {
		l.Allow = d.Allow
	}
	return l
}

// Check returns an error that names the first malformed pattern of Allow.
func (l Limits) Check() error {
	for _, pattern := range l.Allow {
		if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
			return fmt.Errorf("ingest: bad pattern %q: %w", pattern, errors.Join(err, path.ErrBadPattern))
		}
	}
	return nil
}

// allows tells whether samples of a metric are kept. The derived metric's name
// is the server's own, as cluster_id is.
func (l Limits) allows(metric string) bool {
	if metric == rollup.MetricClusterNodes {
		return false
	}
	for _, pattern := range l.Allow {
		if ok, _ := path.Match(pattern, metric); ok {
			return true
		}
	}
	return false
}

// checkLabels refuses too many labels in a sample, and too long a name or value.
func (l Limits) checkLabels(metric string, labels []rollup.Label) error {
	if len(labels) > l.Labels {
		return refuseLimit("more than %d labels in a sample", l.Labels)
	}
	longest := len(metric)
	for _, p := range labels {
		longest = max(longest, len(p.Name), len(p.Value))
	}
	if longest > l.LabelBytes {
		return refuseLimit("more than %d bytes in a name or a label", l.LabelBytes)
	}
	return nil
}
