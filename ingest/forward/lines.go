package forward

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// AppendLines appends a report to b as it is forwarded: a line per sample with
// cluster_id before the other labels, and the time of receipt in milliseconds;
// then the derived series, if the report has the metric that it sums. The
// instance must be a valid cluster id, which needs no escaping.
func AppendLines(b []byte, r rollup.Report) []byte {
	w := newLineWriter(r)
	var nodes float64
	hasNodes := false
	for _, s := range r.Samples {
		metric, labels := string(s.Series), ""
		if i := strings.IndexByte(metric, '{'); i >= 0 {
			metric, labels = metric[:i], metric[i+1:]
		}
		if metric == rollup.MetricNodes {
			hasNodes = true
			nodes = min(nodes+s.Value, rollup.MaxValue)
		}
		b = w.append(b, metric, labels, s.Value)
	}
	if hasNodes {
		b = w.append(b, rollup.MetricClusterNodes, "", nodes)
	}
	return b
}

// AppendInstanceLines does what [AppendLines] does, for a report of another product: a line
// per sample, with instance before the other labels, which is the id in the file: the hash of
// a name.
func AppendInstanceLines(b []byte, r rollup.Report) []byte {
	w := lineWriter{sender: senderOf(rollup.LabelInstance, r.Instance), stamp: stampOf(r.Received)}
	for _, s := range r.Samples {
		b = w.appendSeries(b, s.Series, s.Value)
	}
	return b
}

// AppendTotals appends lines with sums over a day's sessions, each series of which has its
// sum, and how many sessions there were. Their time is the day's start.
func AppendTotals(b []byte, product string, date rollup.Date, sessions int, sums map[rollup.Series]float64) []byte {
	w := lineWriter{stamp: stampOf(date.Start())}
	b = w.append(b, product+"_sessions", "", float64(sessions))
	for _, series := range slices.Sorted(maps.Keys(sums)) {
		b = w.appendSeries(b, series, sums[series])
	}
	return b
}

// lineWriter has what all lines of a report share.
type lineWriter struct {
	sender string // from the brace on, to the end of the label's value; empty: there is none
	stamp  string // from the blank on, to the line feed
}

func newLineWriter(r rollup.Report) lineWriter {
	return lineWriter{
		sender: senderOf(rollup.LabelCluster, r.Instance),
		stamp:  stampOf(r.Received),
	}
}

func senderOf(label, id string) string { return `{` + label + `="` + id + `"` }

func stampOf(at time.Time) string { return " " + strconv.FormatInt(at.UnixMilli(), 10) + "\n" }

// appendSeries appends a line.
func (w *lineWriter) appendSeries(b []byte, s rollup.Series, value float64) []byte {
	metric, labels, _ := strings.Cut(string(s), "{")
	return w.append(b, metric, labels, value)
}

// append appends a line. labels are the series' text behind its brace, "" if it
// has none.
func (w *lineWriter) append(b []byte, metric, labels string, value float64) []byte {
	b = append(b, metric...)
	b = append(b, w.sender...)
	switch {
	case labels == "" && w.sender != "":
		b = append(b, '}')
	case labels != "" && w.sender != "":
		b = append(b, ',')
	case labels != "":
		b = append(b, '{')
	}
	b = append(b, labels...)
	b = append(b, ' ')
	b = appendNumber(b, value)
	return append(b, w.stamp...)
}

// appendNumber writes integers without an exponent, as people expect counts.
func appendNumber(b []byte, v float64) []byte {
	if n := int64(v); float64(n) == v {
		return strconv.AppendInt(b, n, 10)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}
