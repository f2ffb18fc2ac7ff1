package web

import (
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// apps ranks the applications. Those that nobody has are in the table alone.
func (p *Page) apps() section {
	x := p.period()
	bars := chart.Bars{Frame: chart.Frame{ID: "chart-apps", Title: "Applications in " + x.Label, Unit: "installed", Unfinished: p.isUnfinished(p.Choice.Month)}}
	t := &table{Caption: "Applications in " + x.Label + ", the most installed first", Heads: []string{"Application", "Installed"}}
	for _, name := range published.Ranked(x.Apps) {
		n := x.Apps[name]
		if n > 0 {
			bars.Rows = append(bars.Rows, chart.Row{Label: name, Value: chart.Known(n)})
		}
		t.Rows = append(t.Rows, row{head{Text: name}, []cell{count(n)}})
	}
	s := section{
		ID: "apps", Title: "Applications", Half: true,
		Lead: "How many of each are installed in the " + chart.Plural(x.Clusters, "cluster", "clusters") + " " + baseText(x.Published) + ".",
	}
	if len(x.Apps) == 0 {
		s.Missing = "The list of applications is not known."
		return s
	}
	f := figure{ID: "apps-figure", Table: t, CSV: p.api("/api/overview.csv")}
	if len(bars.Rows) > 0 { // a chart of none would say that nothing is known
		f.Chart = bars.SVG()
	}
	s.Figures = []figure{f}
	return s
}

// history shows clusters and nodes over months.
func (p *Page) history() section {
	s := section{ID: "history", Title: "Month by month", Half: true}
	if p.History == nil || len(p.History.Months) == 0 {
		s.Missing = "What earlier months had can't be told at the moment."
		return s
	}
	csv := p.historyCSV(p.History.From, p.History.To)
	s.Lead = "Each month on its own: a cluster counts once in each month in which it reported."
	if p.isUnfinished(p.History.To) {
		s.Lead += " " + p.History.To.Name() + " is not over: it is dashed."
	}
	s.Figures = []figure{
		{ID: "history-clusters", Title: "Clusters", CSV: csv,
			Chart: p.line("Clusters", "clusters", func(c published.Counts) int64 { return c.Clusters }).SVG(),
			Table: p.historyTable("Clusters by month, and days with reports", func(c published.Counts) int64 { return c.Clusters })},
		{ID: "history-nodes", Title: "Nodes", CSV: csv,
			Chart: p.line("Nodes", "nodes", func(c published.Counts) int64 { return c.TotalNodes }).SVG(),
			Table: p.historyTable("Nodes by month, and days with reports", func(c published.Counts) int64 { return c.TotalNodes })},
	}
	return s
}

// kind is one of the kinds of clusters of which a history has figures.
type kind struct {
	base published.Base
	// of returns the figures of a month, nil if they are not known.
	of func(published.HistoryMonth) *published.Counts
}

// kinds are those that the history has: not the seen ones where confirmed ones are published
// in their place.
func (p *Page) kinds() []kind {
	confirmed := kind{published.Confirmed, func(r published.HistoryMonth) *published.Counts {
		if r.Confirmed == nil {
			return nil
		}
		return &r.Confirmed.Counts
	}}
	if p.Choice.Publish == published.Confirmed {
		return []kind{confirmed}
	}
	return []kind{{published.Seen, func(r published.HistoryMonth) *published.Counts {
		if r.Clusters == nil || r.TotalNodes == nil {
			return nil
		}
		return &published.Counts{Clusters: *r.Clusters, TotalNodes: *r.TotalNodes}
	}}, confirmed}
}

// historyTable has the newest month first.
func (p *Page) historyTable(caption string, of func(published.Counts) int64) *table {
	t := &table{Caption: caption, Heads: []string{"Month"}}
	kinds := p.kinds()
	for _, k := range kinds {
		t.Heads = append(t.Heads, baseTitle(k.base))
	}
	t.Heads = append(t.Heads, "Days", "Source")
	for _, r := range slices.Backward(p.History.Months) {
		var cells []cell
		for _, k := range kinds {
			c := cell{}
			if counts := k.of(r); counts != nil {
				c = count(of(*counts))
			}
			cells = append(cells, c)
		}
		source := cell{}
		if r.Source != nil {
			source = cell{Text: sourceShort(*r.Source)}
		}
		t.Rows = append(t.Rows, row{p.monthLead(r.Month, r.Clusters != nil), append(cells, counted(r.DaysWithData), source)})
	}
	return t
}

// sourceShort is where the figures of a month come from, in a word or two.
func sourceShort(s rollup.Source) string {
	switch s {
	case rollup.SourceRollups:
		return "own records"
	case rollup.SourceVictoriaMetrics:
		return "VictoriaMetrics"
	case rollup.SourceImported:
		return "imported"
	case rollup.SourceMixed:
		return "several"
	}
	return string(s)
}

// line draws a figure of all months of the history, of each kind of clusters.
func (p *Page) line(title, unit string, of func(published.Counts) int64) chart.Line {
	line := chart.Line{
		Frame: chart.Frame{ID: "chart-" + unit, Title: title + " by month", Unit: unit, Unfinished: p.isUnfinished(p.History.To)},
		From:  p.History.From,
	}
	for _, k := range p.kinds() {
		series := chart.Series{Name: string(k.base)}
		for _, r := range p.History.Months {
			v := chart.Value{}
			if counts := k.of(r); counts != nil {
				v = chart.Known(of(*counts))
			}
			series.Values = append(series.Values, v)
		}
		line.Series = append(line.Series, series)
	}
	return line
}
