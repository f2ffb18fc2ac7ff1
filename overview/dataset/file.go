package dataset

import (
	"bytes"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
)

// Formats are those of a month's file.
func Formats() []string { return []string{tabular.CSV, tabular.Parquet} }

// columns are those of [Row], in this order in all files.
func columns() []tabular.Column {
	return []tabular.Column{
		tabular.Text.Named("month"), tabular.Count.Named("window_months"), tabular.Text.Named("figure"), tabular.Text.Named("base"),
		tabular.Text.Named("dimension"), tabular.Text.Named("package"), tabular.Text.Named("value"),
		tabular.Number.Named("number"), tabular.Count.Named("denominator"),
		tabular.Text.Named("source"), tabular.Truth.Named("complete"),
	}
}

func (r Row) cells() []tabular.Cell {
	return []tabular.Cell{
		tabular.OfText(r.Month.String()), tabular.OfCount(r.Months), tabular.OfText(r.Figure), tabular.OfTextOrNone(string(r.Base)),
		tabular.OfTextOrNone(r.Dimension), tabular.OfTextOrNone(r.Package), {Known: r.Dimension != "", Text: r.Value},
		tabular.OfNumber(r.Number), tabular.OfCountOrNone(r.Denominator),
		tabular.OfText(string(r.Source)), tabular.OfTruth(r.Complete),
	}
}

// File returns the bytes of rows in a format. The name of an unknown format is an error.
func File(format string, rows []Row) ([]byte, error) {
	cells := make([][]tabular.Cell, len(rows))
	for i, r := range rows {
		cells[i] = r.cells()
	}
	return tableFile(format, columns(), cells)
}

// tableFile returns the bytes of a table in a format.
func tableFile(format string, columns []tabular.Column, rows [][]tabular.Cell) ([]byte, error) {
	var file bytes.Buffer
	if format == tabular.CSV {
		format = tabular.RFC4180
	}
	t, err := tabular.New(format, "figures", columns, &file)
	for _, row := range rows {
		if err == nil {
			err = t.Write(row)
		}
	}
	if err == nil {
		err = t.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	return file.Bytes(), nil
}

// HistoryCSV returns a row for each month. What is not known is empty. The applications of a
// month are in the month's own file.
func HistoryCSV(h *published.History) ([]byte, error) {
	columns := []tabular.Column{tabular.Text.Named("month")}
	for _, base := range []string{"", "confirmed_"} {
		columns = append(columns,
			tabular.Count.Named(base+"clusters"),
			tabular.Count.Named(base+"total_nodes"), tabular.Number.Named(base+"avg_nodes_per_cluster"),
			tabular.Count.Named(base+"total_tenants"), tabular.Number.Named(base+"avg_tenants_per_cluster"))
	}
	columns = append(columns, tabular.Count.Named("days_with_data"), tabular.Text.Named("source"),
		tabular.Truth.Named("complete"), tabular.Text.Named("published"))
	var rows [][]tabular.Cell
	for _, m := range h.Months {
		row := []tabular.Cell{
			tabular.OfText(m.Month.String()), tabular.OfCountOrNone(m.Clusters),
			tabular.OfCountOrNone(m.TotalNodes), tenths(m.AvgNodesPerCluster),
			tabular.OfCountOrNone(m.TotalTenants), tenths(m.AvgTenantsPerCluster),
		}
		row = append(row, confirmedCells(m)...)
		row = append(row, tabular.OfCountOrNone(m.DaysWithData), text(m.Source), truth(m.Complete), text(m.Published))
		rows = append(rows, row)
	}
	return tableFile(tabular.CSV, columns, rows)
}

// confirmedCells are the confirmed figures of a month. How many clusters are confirmed may
// be known where the others are not.
func confirmedCells(m published.HistoryMonth) []tabular.Cell {
	if m.Confirmed == nil {
		return append([]tabular.Cell{tabular.OfCountOrNone(m.ConfirmedClusters)}, make([]tabular.Cell, 4)...)
	}
	c := m.Confirmed
	return []tabular.Cell{
		tabular.OfCountOrNone(&c.Clusters), tabular.OfCountOrNone(&c.TotalNodes), tenths(&c.AvgNodesPerCluster),
		tabular.OfCountOrNone(&c.TotalTenants), tenths(&c.AvgTenantsPerCluster),
	}
}

func tenths(t *published.Tenths) tabular.Cell {
	if t == nil {
		return tabular.Cell{}
	}
	return tabular.OfNumber(float64(*t) / 10)
}

func text[S ~string](s *S) tabular.Cell {
	if s == nil {
		return tabular.Cell{}
	}
	return tabular.OfText(string(*s))
}

func truth(b *bool) tabular.Cell {
	if b == nil {
		return tabular.Cell{}
	}
	return tabular.OfTruth(*b)
}
