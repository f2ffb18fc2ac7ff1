package web

import (
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// productPeriod is what is shown of another product than Cozystack.
func (p *Page) productPeriod() published.ProductPeriod {
	return spanOf(p.Product.Periods, p.Choice.Span)
}

func (p *Page) productTiles() []tile {
	x := p.productPeriod()
	tiles := []tile{
		{Name: "instances", Title: "Instances", Figure: count(x.Instances)},
		{Name: "reports", Title: "Reports", Figure: count(x.Reports)},
	}
	if p.ProductHistory == nil || p.Choice.Span != Month {
		return tiles
	}
	for _, r := range p.ProductHistory.Months {
		if r.Month == p.Choice.Month-1 && r.Instances != nil && r.Reports != nil {
			tiles[0].Notes = []string{p.change(x.Instances, *r.Instances, r.DaysWithData)}
			tiles[1].Notes = []string{p.change(x.Reports, *r.Reports, r.DaysWithData)}
		}
	}
	return tiles
}

func (p *Page) productSections() []section {
	return []section{p.productMonths(), p.shares(), p.metrics()}
}

func (p *Page) productMonths() section {
	s := section{ID: "history", Title: "Month by month"}
	h := p.ProductHistory
	if h == nil || len(h.Months) == 0 {
		s.Missing = "What earlier months had can't be told at the moment."
		return s
	}
	if p.isUnfinished(h.To) {
		s.Lead = h.To.Name() + " is not over: it is dashed."
	}
	csv := p.historyCSV(h.From, h.To)
	s.Figures = []figure{
		p.productLine("Instances", "instances", csv, func(r published.ProductHistoryMonth) *int64 { return r.Instances }),
		p.productLine("Reports", "reports", csv, func(r published.ProductHistoryMonth) *int64 { return r.Reports }),
	}
	return s
}

func (p *Page) productLine(title, unit, csv string, of func(published.ProductHistoryMonth) *int64) figure {
	h := p.ProductHistory
	line := chart.Line{
		Frame:  chart.Frame{ID: "chart-" + unit, Title: title + " by month", Unit: unit, Unfinished: p.isUnfinished(h.To)},
		From:   h.From,
		Series: []chart.Series{{}},
	}
	t := &table{Caption: title + " by month", Heads: []string{"Month", title, "Days with reports"}}
	for _, r := range h.Months {
		line.Series[0].Values = append(line.Series[0].Values, chart.Maybe(of(r)))
	}
	for _, r := range slices.Backward(h.Months) {
		t.Rows = append(t.Rows, row{p.monthLead(r.Month, r.Instances != nil), []cell{counted(of(r)), counted(r.DaysWithData)}})
	}
	return figure{ID: "history-" + unit, Title: title, Chart: line.SVG(), Table: t, CSV: csv}
}

// shares ranks the values of each share.
func (p *Page) shares() section {
	x := p.productPeriod()
	s := section{ID: "shares", Title: "What instances are made of", Lead: "What too few instances have is counted as “other”."}
	for i, name := range slices.Sorted(maps.Keys(x.Shares)) {
		values := x.Shares[name]
		if len(values) == 0 {
			continue
		}
		id, title := "share-"+itoa(i), wordsOf(name)
		bars := chart.Bars{Frame: chart.Frame{ID: "chart-" + id, Title: title, Unit: "instances", Unfinished: p.isUnfinished(p.Choice.Month)}}
		t := &table{Caption: "Instances by " + lowered(title), Heads: []string{"Value", "Instances"}}
		for _, value := range othersLast(published.Ranked(values)) {
			n := values[value]
			bars.Rows = append(bars.Rows, chart.Row{Label: value, Value: chart.Known(n), Other: value == published.Other})
			t.Rows = append(t.Rows, row{head{Text: value}, []cell{count(n)}})
		}
		s.Figures = append(s.Figures, figure{ID: id, Title: title, Chart: bars.SVG(), Table: t, CSV: p.api("/api/overview.csv")})
	}
	if len(s.Figures) == 0 {
		s.Missing = "Too few instances report it."
	}
	return s
}

// othersLast moves what was folded to the end of ranked values.
func othersLast(values []string) []string {
	if at := slices.Index(values, published.Other); at >= 0 {
		values = append(slices.Delete(values, at, at+1), published.Other)
	}
	return values
}

// metrics is a table of all figures that are sums or such.
func (p *Page) metrics() section {
	x := p.productPeriod()
	s := section{ID: "metrics", Title: "Figures", Lead: "All of what instances report, as the API names it."}
	if len(x.Metrics) == 0 {
		s.Missing = "There are none of this period."
		return s
	}
	t := &table{Caption: "Figures of " + x.Label, Heads: []string{"Figure", "Value"}}
	for _, name := range slices.Sorted(maps.Keys(x.Metrics)) {
		v := x.Metrics[name]
		t.Rows = append(t.Rows, row{head{Text: name}, []cell{{Value: plain(v), Text: decimal(v)}}})
	}
	s.Figures = []figure{{ID: "metrics-figure", Table: t, CSV: p.api("/api/overview.csv"), Wide: true}}
	return s
}

// wordsOf makes a title of a name of the API.
func wordsOf(name string) string {
	words := strings.ReplaceAll(name, "_", " ")
	if words == "" {
		return name
	}
	return strings.ToUpper(words[:1]) + words[1:]
}
