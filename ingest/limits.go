package ingest

import (
	"errors"
	"fmt"
	"path"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Limits bound what one report may be. The zero Limits are the defaults, which
// real clients stay far below: their reports have some 85 samples in 8 KiB.
type Limits struct {
	// BodyBytes bounds a body, as it comes and after decompression. 0 means 1 MiB.
	BodyBytes int64
	// Samples bounds the samples of a report. 0 means 5000.
	Samples int
	// Labels bounds the labels of a sample. 0 means 24: VictoriaMetrics silently
	// drops labels above 30.
	Labels int
	// LabelBytes bounds a metric's name, a label's name and a label's value, in
	// bytes. 0 means 1024: VictoriaMetrics silently cuts values above 4096.
	LabelBytes int
	// Nodes, Tenants and Apps bound what is plausible for one cluster: the sum of
	// cozy_nodes_count, the tenants, and the applications of any one kind. 0 means
	// 10 000, 10 000 and 100 000.
	Nodes, Tenants, Apps int
	// Allow are the names of the metrics that are kept, as patterns of path.Match;
	// others are dropped and counted. Empty means "cozy_*".
	Allow []string
}

func (l Limits) withDefaults() Limits {
	if l.BodyBytes == 0 {
		l.BodyBytes = 1 << 20
	}
	if l.Samples == 0 {
		l.Samples = 5000
	}
	if l.Labels == 0 {
		l.Labels = 24
	}
	if l.LabelBytes == 0 {
		l.LabelBytes = 1024
	}
	if l.Nodes == 0 {
		l.Nodes = 10_000
	}
	if l.Tenants == 0 {
		l.Tenants = 10_000
	}
	if l.Apps == 0 {
		l.Apps = 100_000
	}
	if len(l.Allow) == 0 {
		l.Allow = []string{"cozy_*"}
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
