package site

import (
	"context"
	"fmt"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/dataset"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// toCSV sends a table, under the name of the file that a browser saves it as.
func toCSV(file string, settled bool, write func() ([]byte, error)) maker {
	return func() (*httpanswer.Answer, error) {
		table, err := write()
		if err != nil {
			return nil, fmt.Errorf("site: %w", err)
		}
		a := httpanswer.New(httpanswer.CSV, table, settled)
		a.Header = http.Header{"Content-Disposition": {attachment(file)}}
		return a, nil
	}
}

// attachment lets a browser save what it gets as a file.
func attachment(file string) string { return fmt.Sprintf("attachment; filename=%q", file) }

// overviewCSV has a row for each figure of month, quarter and year: applications come and
// go, and what is in rows keeps its columns.
func overviewCSV(ctx context.Context, p *Publication) (maker, error) {
	a, err := p.Overview(ctx)
	if err != nil {
		return nil, err
	}
	return toCSV(fmt.Sprintf("%s-overview-%s.csv", p.Product, p.Month), a.Settled, func() ([]byte, error) {
		return dataset.File(tabular.CSV, overviewRows(p.Month, a))
	}), nil
}

func overviewRows(month rollup.MonthID, a *overview.Answer) (rows []dataset.Row) {
	if o := a.Overview; o != nil {
		rows = append(rows, dataset.OfPeriod(month, 1, o.Periods.Month)...)
		rows = append(rows, dataset.OfPeriod(month, 3, o.Periods.Quarter)...)
		rows = append(rows, dataset.OfPeriod(month, 12, o.Periods.Year)...)
	}
	if o := a.Product; o != nil {
		rows = append(rows, dataset.OfProduct(month, 1, o.Periods.Month)...)
		rows = append(rows, dataset.OfProduct(month, 3, o.Periods.Quarter)...)
		rows = append(rows, dataset.OfProduct(month, 12, o.Periods.Year)...)
	}
	return rows
}

func historyCSV(ctx context.Context, p *Publication) (maker, error) {
	h, err := p.History(ctx)
	if err != nil {
		return nil, err
	}
	return toCSV(fmt.Sprintf("%s-history-%s-%s.csv", p.Product, p.From, p.Month), h.Settled, func() ([]byte, error) {
		if h.Product != nil {
			return dataset.ProductHistoryCSV(h.Product)
		}
		return dataset.HistoryCSV(h.Cozystack)
	}), nil
}

func breakdownCSV(ctx context.Context, p *Publication) (maker, error) {
	b, err := p.Breakdown(ctx)
	if err != nil {
		return nil, err
	}
	return toCSV(fmt.Sprintf("%s-breakdown-%s.csv", p.Product, p.Month), false, func() ([]byte, error) {
		return dataset.File(tabular.CSV, dataset.OfBreakdown(b))
	}), nil
}
