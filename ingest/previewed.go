package ingest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Preview is what would come of a report, as JSON.
type Preview struct {
	Product string `json:"product"`
	// Instance is the cluster's id, or zeros: for a cluster that has given none, and for an
	// instance of another product, whose name would be hashed. Empty: the report names none.
	Instance string `json:"instance"`
	// Received is the time that the report would have; of a session its day's start.
	Received time.Time `json:"received"`
	// Stored is what the file would have of a day with this report alone; nil: nothing.
	Stored *PreviewedDay `json:"stored"`
	// Kept are the metrics of Stored, sorted.
	Kept []PreviewedMetric `json:"kept"`
	// Forwarded are the lines that the receiver would get, with the time in milliseconds.
	Forwarded []string `json:"forwarded"`
	// Dropped is what of the report is not kept, sorted.
	Dropped []PreviewedDrop `json:"dropped"`
	// Note says why nothing is stored or forwarded; empty where both are.
	Note string `json:"note,omitempty"`
}

// PreviewedDay is the record of an instance's day.
type PreviewedDay struct {
	Day string `json:"day"` // such as "2026-03-15"
	// Hour is that of the report, in UTC.
	Hour   int               `json:"hour"`
	Series []PreviewedSeries `json:"series"`
	// Sums are of each metric over all its series.
	Sums []PreviewedSum `json:"sums"`
}

// PreviewedSeries is a series with its values of the day.
type PreviewedSeries struct {
	Series rollup.Series `json:"series"`
	// Peak and Last are the highest and the last value: the same, of one report.
	Peak float64 `json:"peak"`
	Last float64 `json:"last"`
	// Month is what a month keeps beside the highest value: that of each "day", or of each
	// "hour"; empty: nothing.
	Month string `json:"month,omitempty"`
}

// PreviewedSum is a metric's sum.
type PreviewedSum struct {
	Metric string  `json:"metric"`
	Peak   float64 `json:"peak"`
}

// PreviewedMetric is a metric that is kept, and its labels.
type PreviewedMetric struct {
	Metric string   `json:"metric"`
	Labels []string `json:"labels"`
	// Series is how many of it are kept.
	Series int `json:"series"`
}

// PreviewedDrop is what is not kept: a metric, a field or a series, how often it stands in the
// report, and why.
type PreviewedDrop struct {
	What  string `json:"what"`
	Times int    `json:"times"`
	Why   string `json:"why"`
}

// Why something is dropped, and why nothing is forwarded.
const (
	whyMetric   = "is not among the metrics that are kept"
	whyType     = "has another type than the field has"
	whyBound    = "is more than is kept of one sender and day"
	noteEmpty   = "nothing of the report is kept"
	noteUnnamed = "the report names no instance: it is counted, and nothing of it is kept"
	noteDays    = "sessions are not forwarded; the totals of a day are, when it has ended"
	noteNowhere = "this server forwards nothing of this product"
)

// previewOf returns the preview of a report, with its lines and what was left out of it.
func (h *Handler) previewOf(report rollup.Report, lines string, leftOut map[string]int) Preview {
	p := Preview{
		Product: h.product, Instance: report.Instance, Received: report.Received.UTC(),
		Kept: []PreviewedMetric{}, Forwarded: []string{}, Dropped: []PreviewedDrop{},
	}
	for what, times := range leftOut {
		p.Dropped = append(p.Dropped, PreviewedDrop{what, times, h.format.whyLeftOut()})
	}
	if report.Instance != "" && len(report.Samples) > 0 {
		p.store(report, h.config.Bounds)
		for line := range strings.Lines(lines) {
			p.Forwarded = append(p.Forwarded, strings.TrimSuffix(line, "\n"))
		}
	}
	slices.SortFunc(p.Dropped, func(a, b PreviewedDrop) int { return strings.Compare(a.What, b.What) })
	switch {
	case report.Instance == "":
		p.Note = noteUnnamed
	case len(report.Samples) == 0:
		p.Note = noteEmpty
	case h.lines == nil && h.format.byDay():
		p.Note = noteDays
	case h.lines == nil:
		p.Note = noteNowhere
	}
	return p
}

// store sets what the file would have of a report, within bounds.
func (p *Preview) store(report rollup.Report, bounds rollup.Bounds) {
	whole := rollup.FromReport(report)
	day, _ := whole.Bound(bounds)
	stored := &PreviewedDay{Day: rollup.DateOf(report.Received).String(), Hour: int(day.First), Series: []PreviewedSeries{}, Sums: []PreviewedSum{}}
	months := map[rollup.Slotting]string{rollup.ByDay: "day", rollup.ByHour: "hour"}
	kept := make(map[rollup.Series]bool, len(day.Points))
	for _, point := range day.Points {
		kept[point.Series] = true
		stored.Series = append(stored.Series, PreviewedSeries{point.Series, point.Peak, point.Last, months[point.Slot]})
	}
	for _, sum := range day.Sums {
		stored.Sums = append(stored.Sums, PreviewedSum{sum.Metric, sum.Peak})
	}
	for _, point := range whole.Points {
		if !kept[point.Series] {
			p.Dropped = append(p.Dropped, PreviewedDrop{string(point.Series), 1, whyBound})
		}
	}
	p.Stored, p.Kept = stored, keptOf(day.Points)
}

// keptOf returns the metrics of points, sorted.
func keptOf(points []rollup.Point) []PreviewedMetric {
	series, labels := make(map[string]int), make(map[string]map[string]bool)
	for _, point := range points {
		metric := point.Series.Metric()
		if series[metric]++; labels[metric] == nil {
			labels[metric] = make(map[string]bool)
		}
		for _, label := range point.Series.Labels() {
			labels[metric][label.Name] = true
		}
	}
	kept := make([]PreviewedMetric, 0, len(series))
	for _, metric := range slices.Sorted(maps.Keys(series)) {
		names := slices.AppendSeq([]string{}, maps.Keys(labels[metric]))
		slices.Sort(names)
		kept = append(kept, PreviewedMetric{metric, names, series[metric]})
	}
	return kept
}
