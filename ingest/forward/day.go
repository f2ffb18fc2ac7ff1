package forward

import (
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// AppendDay appends lines that bring a receiver what a day keeps of a cluster, and
// returns how many there are. The instance must be a valid cluster id.
//
// Each series gets its last value within the hour in which it was reported last,
// and, if its peak is higher, that within the hour before: it has come earlier. The
// derived series gets the highest sum of a report. So no peak of the day, and no last
// value of an hour, is other than the reports have made it. Each line has a second of
// its own, since samples that come together are taken for one report. The same day
// makes the same lines.
func AppendDay(b []byte, instance string, date rollup.Date, day rollup.Day) (lines []byte, n int) {
	w := dayWriter{date: date, lines: b, lineWriter: newLineWriter(rollup.Report{Instance: instance})}
	var nodesHour uint8
	for _, p := range day.Points {
		metric, labels, _ := strings.Cut(string(p.Series), "{")
		if metric == rollup.MetricNodes {
			nodesHour = max(nodesHour, p.Hour)
		}
		if p.Peak > p.Last {
			w.add(metric, labels, p.Peak, max(p.Hour, 1)-1)
		}
		w.add(metric, labels, p.Last, p.Hour)
	}
	for _, s := range day.Sums {
		if s.Metric == rollup.MetricNodes {
			w.add(rollup.MetricClusterNodes, "", s.Peak, nodesHour)
		}
	}
	return w.lines, w.n
}

// dayWriter writes lines of one cluster's day.
type dayWriter struct {
	lineWriter
	date  rollup.Date
	lines []byte
	n     int
	// used counts the seconds of each hour that have a line. No real cluster has
	// more lines than an hour has seconds; then they are used again.
	used [24]int
}

func (w *dayWriter) add(metric, labels string, value float64, hour uint8) {
	const seconds = int(time.Hour/time.Second) - 1
	second := 1 + w.used[hour]%seconds
	w.used[hour]++
	at := w.date.Start().Add(time.Duration(hour)*time.Hour + time.Duration(second)*time.Second)
	w.stamp = stampOf(at)
	w.lines = w.append(w.lines, metric, labels, value)
	w.n++
}
