package main

import (
	"context"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// exporter makes the rows of one table.
type exporter struct {
	env    environment
	store  *store.Store
	what   string
	window dayRange
	empty  bool // nothing lies in the window
	facts  *factTable
	// alias replaces a cluster's id; nil leaves it.
	alias func(cluster string) string
}

func newExporter(ctx context.Context, env environment, s *store.Store, o *exportFlags) (*exporter, error) {
	e := &exporter{env: env, store: s, what: o.what}
	window, ok, err := o.window(s)
	if err != nil {
		return nil, err
	}
	e.window, e.empty = window, !ok
	if o.anonymize {
		if e.alias, err = newAlias(o.keyFile); err != nil {
			return nil, err
		}
	}
	apps, err := appsOf(s, env)
	if err != nil {
		return nil, err
	}
	e.facts, err = e.learnColumns(ctx, apps)
	return e, err
}

// learnColumns looks which kinds and resources occur in the window.
func (e *exporter) learnColumns(ctx context.Context, apps *appsource.Source) (*factTable, error) {
	seen := newFactNames(apps)
	if e.empty || e.what == "series" {
		return seen.table(), nil
	}
	from, to := e.window.months()
	err := e.store.Fold(ctx, overview.Product, from, to, []string{metricApplications, metricCapacity},
		func(_ string, months []rollup.Month) error {
			for _, m := range months {
				seen.add(m.Peaks)
			}
			return nil
		})
	return seen.table(), err
}

// columns returns the columns of the table, in order.
func (e *exporter) columns() []column {
	switch e.what {
	case "clusters":
		return append([]column{
			{"cluster", kindText}, {"first_day", kindDate}, {"last_day", kindDate}, {"days", kindCount}, {"info_days", kindCount},
		}, e.facts.columns...)
	case "months":
		return append([]column{
			{"month", kindDate}, {"cluster", kindText}, {"days", kindCount}, {"info_days", kindCount},
		}, e.facts.columns...)
	case "days":
		return append([]column{
			{"date", kindDate}, {"cluster", kindText}, {"first_hour", kindCount}, {"last_hour", kindCount}, {"info", kindTruth},
		}, e.facts.columns...)
	}
	return []column{
		{"date", kindDate}, {"product", kindText}, {"cluster", kindText}, {"metric", kindText}, {"labels", kindJSON},
		{"peak", kindNumber}, {"last", kindNumber}, {"hour", kindCount},
	}
}

// rows writes all rows: by date, and then by cluster.
func (e *exporter) rows(ctx context.Context, t tableWriter) error {
	if e.empty {
		return nil
	}
	from, to := e.window.months()
	switch e.what {
	case "clusters":
		return e.folded(ctx, t, from, to, e.clusterRow)
	case "months":
		p := newProgress(e.env, "export", int64(to-from)+1)
		defer p.done()
		for month := from; month <= to; month++ {
			if err := e.folded(ctx, t, month, month, e.monthRow); err != nil {
				return err
			}
			p.set(int64(month-from) + 1)
		}
		return nil
	}
	p := newProgress(e.env, "export", int64(e.window.last-e.window.first)+1)
	defer p.done()
	for date := e.window.first; date <= e.window.last; date++ {
		err := e.instances(ctx, date, func(product, instance string, d rollup.Day) error {
			if e.what == "series" {
				return e.writeSeries(t, date, product, instance, d)
			}
			if product != overview.Product {
				return nil
			}
			return t.write(e.dayRow(date, instance, d))
		})
		if err != nil {
			return err
		}
		p.set(int64(date-e.window.first) + 1)
	}
	return nil
}

// folded writes a row per cluster of some months, sorted by cluster: a fold has no
// order.
func (e *exporter) folded(ctx context.Context, t tableWriter, from, to rollup.MonthID,
	row func(from rollup.MonthID, cluster string, months []rollup.Month) []cell,
) error {
	type clusterRow struct {
		cluster string
		cells   []cell
	}
	var rows []clusterRow
	err := e.store.Fold(ctx, overview.Product, from, to, nil, func(instance string, months []rollup.Month) error {
		cluster := e.name(instance)
		rows = append(rows, clusterRow{cluster, row(from, cluster, months)})
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b clusterRow) int { return strings.Compare(a.cluster, b.cluster) })
	for _, r := range rows {
		if err := t.write(r.cells); err != nil {
			return err
		}
	}
	return nil
}

// instances calls fn for every record of a day under the name that the cluster
// shall have. Under another name than its own the order must be another one too:
// else who knows the ids could count them off.
func (e *exporter) instances(ctx context.Context, date rollup.Date, fn func(product, instance string, d rollup.Day) error) error {
	if e.alias == nil {
		return e.store.Instances(ctx, date, fn)
	}
	type record struct {
		product, name string
		day           rollup.Day
	}
	var records []record
	err := e.store.Instances(ctx, date, func(product, instance string, d rollup.Day) error {
		d.Points, d.Sums = slices.Clone(d.Points), slices.Clone(d.Sums)
		records = append(records, record{product, e.alias(instance), d})
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
	if e.alias == nil {
		return cluster
	}
	return e.alias(cluster)
}

// clusterRow is the row of a cluster over several months.
func (e *exporter) clusterRow(from rollup.MonthID, cluster string, months []rollup.Month) []cell {
	var all rollup.Month
	var first, last rollup.Date
	days, infoDays := 0, 0
	for i, m := range months {
		set := m.Days()
		if set == 0 {
			continue
		}
		all = all.Merge(m)
		if days == 0 {
			first = dateOf(from+rollup.MonthID(i), set.First())
		}
		last = dateOf(from+rollup.MonthID(i), set.Last())
		days += set.Len()
		infoDays += daysOf(m, metricInfo).Len()
	}
	head := []cell{textCell(cluster), dateCell(first), dateCell(last), countCell(days), countCell(infoDays)}
	return append(head, e.facts.cells(all, highestVersions(all.Peaks))...)
}

// dateOf returns a day of a month, given as 1 to 31.
func dateOf(month rollup.MonthID, day int) rollup.Date { return month.First() + rollup.Date(day-1) }

func (e *exporter) monthRow(month rollup.MonthID, cluster string, months []rollup.Month) []cell {
	m := months[0]
	head := []cell{dateCell(month.First()), textCell(cluster), countCell(m.Days().Len()), countCell(daysOf(m, metricInfo).Len())}
	return append(head, e.facts.cells(m, highestVersions(m.Peaks))...)
}

func (e *exporter) dayRow(date rollup.Date, cluster string, d rollup.Day) []cell {
	m := rollup.FromDay(date.DayOfMonth(), d)
	head := []cell{
		dateCell(date), textCell(cluster), countCell(int(d.First)), countCell(int(d.Last)),
		truthCell(daysOf(m, metricInfo) != 0),
	}
	return append(head, e.facts.cells(m, latestVersions(d.Points))...)
}

// daysOf returns the days on which a report had a metric.
func daysOf(m rollup.Month, metric string) rollup.DaySet {
	for _, mm := range m.Metrics {
		if mm.Metric == metric {
			return mm.Days
		}
	}
	return 0
}

func (e *exporter) writeSeries(t tableWriter, date rollup.Date, product, cluster string, d rollup.Day) error {
	for _, p := range d.Points {
		labels, err := labelsJSON(p.Series)
		if err != nil {
			return err
		}
		err = t.write([]cell{
			dateCell(date), textCell(product), textCell(cluster), textCell(p.Series.Metric()), textCell(labels),
			numberCell(p.Peak), numberCell(p.Last), countCell(int(p.Hour)),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
