package ingest

import (
	"strconv"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	nodesMetric = "cozy_nodes_count"
	// derivedMetric is the sum of a report's cozy_nodes_count series. It lets
	// VictoriaMetrics answer a cluster's peak exactly, where adding up the peaks of
	// the series would count a node twice whose kernel was upgraded.
	derivedMetric = "cozy_cluster_nodes"
)

// Lines writes a report as it is forwarded: a line per sample with cluster_id
// before the other labels, and the time of receipt in milliseconds; then the
// derived series, if the report has the metric that it sums. The instance must
// be a valid cluster id, which needs no escaping.
func Lines(r rollup.Report) []byte {
	stamp := strconv.FormatInt(r.Received.UnixMilli(), 10)
	b := make([]byte, 0, 128*len(r.Samples))
	var nodes float64
	hasNodes := false
	for _, s := range r.Samples {
		metric := s.Series.Metric()
		if metric == nodesMetric {
			hasNodes = true
			nodes = min(nodes+s.Value, rollup.MaxValue)
		}
		b = appendLine(b, metric, r.Instance, s.Series.LabelText(), s.Value, stamp)
	}
	if hasNodes {
		b = appendLine(b, derivedMetric, r.Instance, "", nodes, stamp)
	}
	return b
}

func appendLine(b []byte, metric, cluster, labels string, value float64, stamp string) []byte {
	b = append(b, metric...)
	b = append(b, `{`+clusterLabel+`="`...)
	b = append(b, cluster...)
	b = append(b, '"')
	if labels != "" {
		b = append(b, ',')
		b = append(b, labels...)
	}
	b = append(b, "} "...)
	b = appendNumber(b, value)
	b = append(b, ' ')
	b = append(b, stamp...)
	return append(b, '\n')
}

// appendNumber writes integers without an exponent, as people expect counts.
func appendNumber(b []byte, v float64) []byte {
	if n := int64(v); float64(n) == v {
		return strconv.AppendInt(b, n, 10)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}
