package export

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// productColumn is a column of what instances of a product report, after its table.
type productColumn struct {
	tabular.Column
	metric, label string
	kind          product.Kind
}

// productColumns returns a column for each metric of a product, of texts for each label.
// Raw names have one only where they are asked for.
func productColumns(p product.Product, raw bool) (columns []productColumn) {
	for _, f := range p.Fields {
		if f.Metric == "" || f.Raw && !raw {
			continue
		}
		c := productColumn{columnKindOf(f).Named(f.Metric), p.Name + "_" + f.Metric, f.Label, f.Kind}
		if f.Kind == product.Text && !strings.HasSuffix(f.Metric, f.Label) {
			c.Name += "_" + f.Label
		}
		same := func(other productColumn) bool { return other.Name == c.Name }
		if !slices.ContainsFunc(columns, same) { // several fields may be one metric
			columns = append(columns, c)
		}
	}
	return columns
}

func columnKindOf(f product.Field) tabular.Kind {
	switch {
	case f.Kind == product.Text:
		return tabular.Text
	case f.Label != "":
		return tabular.JSON // an array of a set, an object of numbers
	case f.Kind == product.Bool:
		return tabular.Truth
	case f.Kind == product.Daily, f.Kind == product.Length, f.Fraction:
		return tabular.Number
	}
	return tabular.Count
}

// productHead are the columns before those.
func productHead(table string, sessions bool) []tabular.Column {
	instance := tabular.Text.Named("instance")
	switch {
	case table == Instances:
		return []tabular.Column{instance, tabular.Date.Named("first_day"), tabular.Date.Named("last_day"), tabular.Count.Named("days")}
	case table == Months:
		return []tabular.Column{tabular.Date.Named("month"), instance, tabular.Count.Named("days")}
	case table == Days && sessions: // of which no hour is kept
		return []tabular.Column{tabular.Date.Named("date"), instance}
	case table == Days:
		return []tabular.Column{tabular.Date.Named("date"), instance, tabular.Count.Named("first_hour"), tabular.Count.Named("last_hour")}
	}
	return []tabular.Column{
		tabular.Date.Named("date"), tabular.Text.Named("product"), instance, tabular.Text.Named("metric"), tabular.JSON.Named("labels"),
		tabular.Number.Named("peak"), tabular.Number.Named("last"), tabular.Count.Named("hour"), tabular.JSON.Named("hours"),
	}
}

// sighting is a series in one month of several.
type sighting struct {
	rollup.Peak
	month int
}

// productCells returns the cells of what an instance has reported in some months.
func productCells(columns []productColumn, months []rollup.Month) []tabular.Cell {
	all := make(map[string][]sighting) // by metric
	for i, m := range months {
		for _, p := range m.Peaks {
			all[p.Series.Metric()] = append(all[p.Series.Metric()], sighting{p, i})
		}
	}
	cells := make([]tabular.Cell, len(columns))
	for i, c := range columns {
		cells[i] = c.cell(all[c.metric])
	}
	return cells
}

func (c productColumn) cell(seen []sighting) tabular.Cell {
	switch {
	case len(seen) == 0:
		return tabular.Cell{}
	case c.kind == product.Text:
		return c.newest(seen)
	case c.kind == product.Set:
		return c.members(seen)
	case c.label != "":
		return c.byLabel(seen)
	}
	return c.number(seen)
}

// newest is the text that was sent last; of several in one hour the highest version, as in the figures.
func (c productColumn) newest(seen []sighting) tabular.Cell {
	last := slices.MaxFunc(seen, func(a, b sighting) int {
		if n := a.month - b.month; n != 0 {
			return n
		}
		if n := int(a.Seen) - int(b.Seen); n != 0 {
			return n
		}
		return product.CompareNatural(string(a.Series), string(b.Series))
	})
	return tabular.OfTextOrNone(last.Series.Label(c.label))
}

// members are all texts of a set, sorted.
func (c productColumn) members(seen []sighting) tabular.Cell {
	texts := make(map[string]bool)
	for _, s := range seen {
		if s.Peak.Peak > 0 {
			texts[s.Series.Label(c.label)] = true
		}
	}
	return jsonCell(append([]string{}, slices.Sorted(maps.Keys(texts))...))
}

// byLabel are the numbers of all values of the label.
func (c productColumn) byLabel(seen []sighting) tabular.Cell {
	parts := make(map[string][]sighting)
	for _, s := range seen {
		parts[s.Series.Label(c.label)] = append(parts[s.Series.Label(c.label)], s)
	}
	numbers := make(map[string]float64)
	for text, part := range parts {
		if n := c.number(part); n.Known {
			numbers[text] = n.Number
		}
	}
	return jsonCell(numbers)
}

// number is what the figures of a month take of a series; none where it lacks its slots.
func (c productColumn) number(seen []sighting) tabular.Cell {
	var highest, sum float64
	slots := 0
	for _, s := range seen {
		highest = max(highest, s.Peak.Peak)
		for _, slot := range s.Slots {
			sum += slot.Value
		}
		slots += len(s.Slots)
	}
	if slots == 0 && c.kind.Slot() != 0 {
		return tabular.Cell{}
	}
	return tabular.OfNumber(c.kind.Value(highest, sum, slots))
}

// jsonCell has a value as JSON, with sorted keys.
func jsonCell(v any) tabular.Cell {
	b, _ := json.Marshal(v) // texts and finite numbers
	return tabular.OfText(string(b))
}
