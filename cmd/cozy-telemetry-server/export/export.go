// Package export writes what is in a database file as a table, for DuckDB, pandas
// or a spreadsheet; docs/export.md describes the tables for those who read them.
//
// [Write] first looks which kinds of applications and which resources occur in the
// window: each gets a column (columns.go). It then goes through the window again,
// by days or by months, and makes a row of each record: what heads it (rows.go), and
// what the cluster has reported (facts.go, versions.go). The tables of another product have
// columns after its own table (products.go, productrows.go). Package tabular makes bytes
// of the rows.
package export

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The tables: a row for each cluster, or instance of another product; month and cluster;
// day and cluster; day, cluster and series.
const (
	Clusters  = "clusters"
	Instances = "instances"
	Months    = "months"
	Days      = "days"
	Series    = "series"
)

// The formats.
const (
	CSV     = tabular.CSV
	JSONL   = tabular.JSONL
	Parquet = tabular.Parquet
)

// Tables returns the names of the tables of Cozystack.
func Tables() []string { return []string{Clusters, Months, Days, Series} }

// TablesOf returns the names of the tables of another product. Sessions are of one day each.
func TablesOf(p product.Product) []string {
	if p.Sessions {
		return []string{Days, Series}
	}
	return []string{Instances, Months, Days, Series}
}

// Formats returns the names of the formats.
func Formats() []string { return []string{CSV, JSONL, Parquet} }

// WholeMonths tells whether a table takes whole months of its window.
func WholeMonths(table string) bool {
	return table == Clusters || table == Instances || table == Months
}

// Options say what is written, and how.
type Options struct {
	// Table and Format are each one of the names above.
	Table, Format string
	// Product is whose table it is; the zero Product is Cozystack, whose table of series has
	// those of all products.
	Product product.Product
	// Window is what is written of the file. The zero Window is 1 January 1970;
	// AllDays leaves nothing out.
	Window Window
	// Apps knows which kinds of applications there are.
	Apps *appsource.Source
	// Alias names clusters in place of their ids; nil leaves the ids.
	Alias Alias
	// Raw are the metrics that have names as they are: no table with an Alias has them.
	Raw []string
	// Progress is told how much is done, of days or of months; nil for nobody.
	Progress func(done, total int64)
}

// Window is a run of days, both ends included.
type Window struct{ First, Last rollup.Date }

// AllDays is the window of all that any file has.
func AllDays() Window { return Window{math.MinInt32, math.MaxInt32} }

func (w Window) months() (from, to rollup.MonthID) { return w.First.Month(), w.Last.Month() }

// within returns what the file has months of. It is empty, with its end before its
// beginning, if there is nothing.
func (w Window) within(s *store.Store) (Window, error) {
	st, err := s.Stats()
	if err != nil || len(st.Months) == 0 {
		return Window{0, -1}, err
	}
	first, last := st.Months[0].Month.First(), st.Months[len(st.Months)-1].Month.Last()
	return Window{max(w.First, first), min(w.Last, last)}, nil
}

func (w Window) empty() bool { return w.First > w.Last }

// Write writes a table of a file to w. The file is only read. After an error what
// was written is not a whole table.
func Write(ctx context.Context, w io.Writer, s *store.Store, o Options) error {
	tables := Tables()
	if o.Product.Name != "" {
		tables = TablesOf(o.Product)
	}
	if !slices.Contains(tables, o.Table) {
		return fmt.Errorf("unknown table %q", o.Table)
	}
	e, err := newExporter(ctx, s, o)
	if err != nil {
		return err
	}
	t, err := tabular.New(o.Format, o.Table, e.columns(), w)
	if err != nil {
		return err
	}
	if err := e.rows(ctx, t); err != nil {
		return err
	}
	return t.Close()
}
