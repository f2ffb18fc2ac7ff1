package export

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// clusterRow is the row of a cluster over several months.
func (e *exporter) clusterRow(from rollup.MonthID, cluster string, months []rollup.Month) []tabular.Cell {
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
		infoDays += daysOf(m, rollup.MetricInfo).Len()
	}
	head := []tabular.Cell{tabular.OfText(cluster), tabular.OfDate(first), tabular.OfDate(last), tabular.OfCount(days), tabular.OfCount(infoDays)}
	return append(head, e.facts.cells(all, highestVersions(all.Peaks))...)
}

// dateOf returns a day of a month, given as 1 to 31.
func dateOf(month rollup.MonthID, day int) rollup.Date { return month.First() + rollup.Date(day-1) }

func (e *exporter) monthRow(month rollup.MonthID, cluster string, months []rollup.Month) []tabular.Cell {
	m := months[0]
	head := []tabular.Cell{tabular.OfDate(month.First()), tabular.OfText(cluster), tabular.OfCount(m.Days().Len()), tabular.OfCount(daysOf(m, rollup.MetricInfo).Len())}
	return append(head, e.facts.cells(m, highestVersions(m.Peaks))...)
}

func (e *exporter) dayRow(date rollup.Date, cluster string, d rollup.Day) []tabular.Cell {
	m := rollup.FromDay(date.DayOfMonth(), d)
	head := []tabular.Cell{
		tabular.OfDate(date), tabular.OfText(cluster), tabular.OfCount(int(d.First)), tabular.OfCount(int(d.Last)),
		tabular.OfTruth(daysOf(m, rollup.MetricInfo) != 0),
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

func (e *exporter) writeSeries(t tabular.Writer, date rollup.Date, product, cluster string, d rollup.Day) error {
	for _, p := range d.Points {
		if e.Alias != nil && slices.Contains(e.Raw, p.Series.Metric()) {
			continue
		}
		labels, err := labelsJSON(p.Series)
		if err != nil {
			return err
		}
		row := []tabular.Cell{
			tabular.OfDate(date), tabular.OfText(product), tabular.OfText(cluster), tabular.OfText(p.Series.Metric()), tabular.OfText(labels),
			tabular.OfNumber(p.Peak), tabular.OfNumber(p.Last), tabular.OfCount(int(p.Hour)),
		}
		if e.Product.Name != "" {
			row = append(row, hoursCell(d, p))
		}
		err = t.Write(row)
		if err != nil {
			return err
		}
	}
	return nil
}

// labelsJSON returns a series' labels as a JSON object, sorted by name.
func labelsJSON(s rollup.Series) (string, error) {
	labels := map[string]string{}
	for _, l := range s.Labels() {
		labels[l.Name] = l.Value
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(labels); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}
