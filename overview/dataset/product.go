package dataset

import (
	"maps"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
)

// ProductHistoryCSV does for another product what HistoryCSV does: a column for each metric
// that any month shows, as in "metric_cpu_cores": a metric may be named as another column is.
func ProductHistoryCSV(h *published.ProductHistory) ([]byte, error) {
	shown := map[string]bool{}
	for _, m := range h.Months {
		for metric := range m.Metrics {
			shown[metric] = true
		}
	}
	metrics := slices.Sorted(maps.Keys(shown))
	columns := []tabular.Column{tabular.Text.Named("month"), tabular.Count.Named("instances"), tabular.Count.Named("reports")}
	for _, metric := range metrics {
		columns = append(columns, tabular.Number.Named(byMetric+"_"+metric))
	}
	columns = append(columns, tabular.Count.Named("days_with_data"), tabular.Text.Named("source"), tabular.Truth.Named("complete"))
	var rows [][]tabular.Cell
	for _, m := range h.Months {
		row := []tabular.Cell{tabular.OfText(m.Month.String()), tabular.OfCountOrNone(m.Instances), tabular.OfCountOrNone(m.Reports)}
		for _, metric := range metrics {
			value, known := m.Metrics[metric]
			row = append(row, tabular.Cell{Known: known, Number: value})
		}
		rows = append(rows, append(row, tabular.OfCountOrNone(m.DaysWithData), text(m.Source), truth(m.Complete)))
	}
	return tableFile(tabular.CSV, columns, rows)
}
