package site

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/overview/dataset"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
)

// toCSV sends a table, under the name of the file that a browser saves it as.
func toCSV(file string, table []byte, err error, settled bool) (*httpanswer.Answer, error) {
	if err != nil {
		return nil, fmt.Errorf("site: %w", err)
	}
	a := httpanswer.New(httpanswer.CSV, table, settled)
	a.Header = http.Header{"Content-Disposition": {attachment(file)}}
	return a, nil
}

// attachment lets a browser save what it gets as a file.
func attachment(file string) string { return fmt.Sprintf("attachment; filename=%q", file) }

// overviewCSV has a row for each figure of month, quarter and year: applications come and
// go, and what is in rows keeps its columns.
func overviewCSV(ctx context.Context, p *Publication) (*httpanswer.Answer, error) {
	a, err := p.Overview(ctx)
	if err != nil {
		return nil, err
	}
	var rows []dataset.Row
	if o := a.Overview; o != nil {
		rows = append(rows, dataset.OfPeriod(p.Month, 1, o.Periods.Month)...)
		rows = append(rows, dataset.OfPeriod(p.Month, 3, o.Periods.Quarter)...)
		rows = append(rows, dataset.OfPeriod(p.Month, 12, o.Periods.Year)...)
	}
	if o := a.Product; o != nil {
		rows = append(rows, dataset.OfProduct(p.Month, 1, o.Periods.Month)...)
		rows = append(rows, dataset.OfProduct(p.Month, 3, o.Periods.Quarter)...)
		rows = append(rows, dataset.OfProduct(p.Month, 12, o.Periods.Year)...)
	}
	table, err := dataset.File(tabular.CSV, rows)
	return toCSV(fmt.Sprintf("%s-overview-%s.csv", p.Product, p.Month), table, err, a.Settled)
}

func historyCSV(ctx context.Context, p *Publication) (*httpanswer.Answer, error) {
	h, err := p.History(ctx)
	if err != nil {
		return nil, err
	}
	var table []byte
	if h.Product != nil {
		table, err = dataset.ProductHistoryCSV(h.Product)
	} else {
		table, err = dataset.HistoryCSV(h.Cozystack)
	}
	return toCSV(fmt.Sprintf("%s-history-%s-%s.csv", p.Product, p.From, p.Month), table, err, h.Settled)
}

func breakdownCSV(ctx context.Context, p *Publication) (*httpanswer.Answer, error) {
	b, err := p.Breakdown(ctx)
	if err != nil {
		return nil, err
	}
	table, err := dataset.File(tabular.CSV, dataset.OfBreakdown(b))
	return toCSV(fmt.Sprintf("%s-breakdown-%s.csv", p.Product, p.Month), table, err, false)
}
