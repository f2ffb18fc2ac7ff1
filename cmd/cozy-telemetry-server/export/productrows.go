package export

import (
	"strconv"

	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// instanceRow is the row of a product's instance over several months.
func (e *exporter) instanceRow(from rollup.MonthID, instance string, months []rollup.Month) []tabular.Cell {
	var first, last rollup.Date
	days := 0
	for i, m := range months {
		set := m.Days()
		if set == 0 {
			continue
		}
		if days == 0 {
			first = dateOf(from+rollup.MonthID(i), set.First())
		}
		last = dateOf(from+rollup.MonthID(i), set.Last())
		days += set.Len()
	}
	head := []tabular.Cell{tabular.OfText(instance), tabular.OfDate(first), tabular.OfDate(last), tabular.OfCount(days)}
	return append(head, productCells(e.ofProduct, months)...)
}

func (e *exporter) instanceMonthRow(month rollup.MonthID, instance string, months []rollup.Month) []tabular.Cell {
	head := []tabular.Cell{tabular.OfDate(month.First()), tabular.OfText(instance), tabular.OfCount(months[0].Days().Len())}
	return append(head, productCells(e.ofProduct, months)...)
}

func (e *exporter) instanceDayRow(date rollup.Date, instance string, d rollup.Day) []tabular.Cell {
	head := []tabular.Cell{tabular.OfDate(date), tabular.OfText(instance)}
	if !e.Product.Sessions {
		head = append(head, tabular.OfCount(int(d.First)), tabular.OfCount(int(d.Last)))
	}
	return append(head, productCells(e.ofProduct, []rollup.Month{rollup.FromDay(date.DayOfMonth(), d)})...)
}

// hoursCell are the highest values by hour of a series that is added up.
func hoursCell(d rollup.Day, p rollup.Point) tabular.Cell {
	hours := make(map[string]float64)
	for _, s := range d.HoursOf(p.Series) {
		hours[strconv.Itoa(int(s.At))] = s.Value
	}
	if len(hours) == 0 {
		return tabular.Cell{}
	}
	return jsonCell(hours)
}
