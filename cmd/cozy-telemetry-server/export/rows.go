package export

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// exporter makes the rows of one table.
type exporter struct {
	store *store.Store
	// Options have the Window cut to what the file has.
	Options
	facts *factTable
	// ofProduct are the columns of another product than Cozystack.
	ofProduct []productColumn
}

// product returns the name of whose table it is.
func (e *exporter) product() string { return cmp.Or(e.Product.Name, rollup.Cozystack) }

func newExporter(ctx context.Context, s *store.Store, o Options) (e *exporter, err error) {
	if o.Window, err = o.Window.within(s); err != nil {
		return nil, err
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	e = &exporter{store: s, Options: o}
	if o.Product.Name != "" {
		e.ofProduct = productColumns(o.Product, o.Alias == nil)
		return e, nil
	}
	e.facts, err = e.learnColumns(ctx)
	return e, err
}

// learnColumns looks which kinds and resources occur in the window.
func (e *exporter) learnColumns(ctx context.Context) (*factTable, error) {
	seen := newFactNames(e.Apps)
	if e.Window.empty() || e.Table == Series {
		return seen.table(), nil
	}
	from, to := e.Window.months()
	err := e.store.Fold(ctx, rollup.Cozystack, from, to, []string{rollup.MetricApplications, metricCapacity},
		func(_ string, months []rollup.Month) error {
			for _, m := range months {
				seen.add(m.Peaks)
			}
			return nil
		})
	return seen.table(), err
}

// columns returns the columns of the table, in order.
func (e *exporter) columns() []tabular.Column {
	if e.Product.Name != "" {
		all := productHead(e.Table, e.Product.Sessions)
		if e.Table == Series {
			return all
		}
		for _, c := range e.ofProduct {
			all = append(all, c.Column)
		}
		return all
	}
	switch e.Table {
	case Clusters:
		return append([]tabular.Column{
			tabular.Text.Named("cluster"), tabular.Date.Named("first_day"), tabular.Date.Named("last_day"), tabular.Count.Named("days"), tabular.Count.Named("info_days"),
		}, e.facts.columns...)
	case Months:
		return append([]tabular.Column{
			tabular.Date.Named("month"), tabular.Text.Named("cluster"), tabular.Count.Named("days"), tabular.Count.Named("info_days"),
		}, e.facts.columns...)
	case Days:
		return append([]tabular.Column{
			tabular.Date.Named("date"), tabular.Text.Named("cluster"), tabular.Count.Named("first_hour"), tabular.Count.Named("last_hour"), tabular.Truth.Named("info"),
		}, e.facts.columns...)
	}
	return []tabular.Column{
		tabular.Date.Named("date"), tabular.Text.Named("product"), tabular.Text.Named("cluster"), tabular.Text.Named("metric"), tabular.JSON.Named("labels"),
		tabular.Number.Named("peak"), tabular.Number.Named("last"), tabular.Count.Named("hour"),
	}
}

// rows writes all rows: by date, and then by cluster.
func (e *exporter) rows(ctx context.Context, t tabular.Writer) error {
	if e.Window.empty() {
		return nil
	}
	switch from, to := e.Window.months(); e.Table {
	case Clusters:
		return e.folded(ctx, t, from, to, e.clusterRow)
	case Instances:
		return e.folded(ctx, t, from, to, e.instanceRow)
	case Months:
		row := e.monthRow
		if e.Product.Name != "" {
			row = e.instanceMonthRow
		}
		return e.eachOf(int64(from), int64(to), func(month int64) error {
			return e.folded(ctx, t, rollup.MonthID(month), rollup.MonthID(month), row)
		})
	}
	return e.eachOf(int64(e.Window.First), int64(e.Window.Last), func(date int64) error {
		return e.dated(ctx, t, rollup.Date(date))
	})
}

// eachOf writes what there is of each day or month, and tells how far that is.
func (e *exporter) eachOf(first, last int64, write func(int64) error) error {
	total := last - first + 1
	for done := range total {
		e.Progress(done, total)
		if err := write(first + done); err != nil {
			return err
		}
	}
	e.Progress(total, total)
	return nil
}

// dated writes the rows of a day.
func (e *exporter) dated(ctx context.Context, t tabular.Writer, date rollup.Date) error {
	return e.instances(ctx, date, func(product, instance string, d rollup.Day) error {
		switch {
		case e.Table == Series && e.Product.Name == "":
			return e.writeSeries(t, date, product, instance, d)
		case product != e.product():
			return nil
		case e.Table == Series:
			return e.writeSeries(t, date, product, instance, d)
		case e.Product.Name != "":
			return t.Write(e.instanceDayRow(date, instance, d))
		}
		return t.Write(e.dayRow(date, instance, d))
	})
}

// folded writes a row per cluster of some months, sorted by cluster: a fold has no
// order.
func (e *exporter) folded(ctx context.Context, t tabular.Writer, from, to rollup.MonthID,
	row func(from rollup.MonthID, cluster string, months []rollup.Month) []tabular.Cell,
) error {
	type clusterRow struct {
		cluster string
		cells   []tabular.Cell
	}
	var rows []clusterRow
	err := e.store.Fold(ctx, e.product(), from, to, nil, func(instance string, months []rollup.Month) error {
		cluster := e.name(instance)
		rows = append(rows, clusterRow{cluster, row(from, cluster, months)})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b clusterRow) int { return strings.Compare(a.cluster, b.cluster) })
	for _, r := range rows {
		if err := t.Write(r.cells); err != nil {
			return err
		}
	}
	return nil
}

// instances calls fn for every record of a day under the name that the cluster
// shall have. Under another name than its own the order must be another one too:
// else who knows the ids could count them off.
// Those that figures leave out are left out too, as from all tables.
func (e *exporter) instances(ctx context.Context, date rollup.Date, fn func(product, instance string, d rollup.Day) error) error {
	each := func(fn func(product, instance string, d rollup.Day) error) error {
		return e.store.Instances(ctx, date, func(product, instance string, d rollup.Day) error {
			if _, out := slices.BinarySearch(e.store.Exclusions(product).Instances, instance); out {
				return nil
			}
			return fn(product, instance, d)
		})
	}
	if e.Alias == nil {
		return each(fn)
	}
	type record struct {
		product, name string
		day           rollup.Day
	}
	var records []record
	err := each(func(product, instance string, d rollup.Day) error {
		d.Points, d.Sums = slices.Clone(d.Points), slices.Clone(d.Sums)
		records = append(records, record{product, e.Alias(instance), d})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(records, func(a, b record) int {
		if c := strings.Compare(a.product, b.product); c != 0 {
			return c
		}
		return strings.Compare(a.name, b.name)
	})
	for _, r := range records {
		if err := fn(r.product, r.name, r.day); err != nil {
			return err
		}
	}
	return nil
}

// name is what a cluster is called in the table.
func (e *exporter) name(cluster string) string {
	if e.Alias == nil {
		return cluster
	}
	return e.Alias(cluster)
}
