package web

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// ranked are names by their counts, the largest first.
func ranked(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
}

// apps ranks the applications. Those that nobody has are in the table alone.
func (p *Page) apps() section {
	x := p.period()
	bars := chart.Bars{Frame: chart.Frame{ID: "chart-apps", Title: "Applications in " + x.Label, Unit: "installed", Unfinished: p.isUnfinished(p.Choice.Month)}}
	t := &table{Caption: "Applications in " + x.Label + ", the most installed first", Heads: []string{"Application", "Installed"}}
	for _, name := range ranked(x.Apps) {
		n := x.Apps[name]
		if n > 0 {
			bars.Rows = append(bars.Rows, chart.Row{Label: name, Value: chart.Known(n)})
		}
		t.Rows = append(t.Rows, row{head{Text: name}, []cell{count(n)}})
	}
	s := section{
		ID: "apps", Title: "Applications",
		Lead: "How many of each are installed in the " + plural(x.Clusters, "cluster", "clusters") + " " + baseText(x.Published) + ".",
	}
	if len(x.Apps) == 0 {
		s.Missing = "The list of applications is not known."
		return s
	}
	s.Figures = []figure{{ID: "apps-figure", Chart: bars.SVG(), Table: t, CSV: p.api("/api/overview.csv"), Wide: true}}
	return s
}

// history shows clusters and nodes over months.
func (p *Page) history() section {
	s := section{ID: "history", Title: "Month by month"}
	if p.History == nil || len(p.History.Months) == 0 {
		s.Missing = "What earlier months had can't be told at the moment."
		return s
	}
	csv := "/api/history.csv?from=" + p.History.From.String() + "&to=" + p.History.To.String()
	s.Lead = "Each month on its own: a cluster counts once in each month in which it reported."
	if p.isUnfinished(p.History.To) {
		s.Lead += " " + monthName(p.History.To) + " is not over: it is dashed."
	}
	s.Figures = []figure{
		{ID: "history-clusters", Title: "Clusters", CSV: csv,
			Chart: p.line("Clusters", "clusters", func(c published.Counts) int64 { return c.Clusters }).SVG(),
			Table: p.historyTable("Clusters by month", func(c published.Counts) int64 { return c.Clusters })},
		{ID: "history-nodes", Title: "Nodes", CSV: csv,
			Chart: p.line("Nodes", "nodes", func(c published.Counts) int64 { return c.TotalNodes }).SVG(),
			Table: p.historyTable("Nodes by month", func(c published.Counts) int64 { return c.TotalNodes })},
	}
	return s
}

// countsOf are the figures of a month's seen and confirmed clusters, each nil if not known.
func countsOf(r published.HistoryMonth) (seen, confirmed *published.Counts) {
	if r.Clusters != nil && r.TotalNodes != nil && (r.Published == nil || *r.Published == published.Seen) {
		seen = &published.Counts{Clusters: *r.Clusters, TotalNodes: *r.TotalNodes}
	}
	if r.Confirmed != nil {
		confirmed = &r.Confirmed.Counts
	}
	return seen, confirmed
}

// historyTable has the newest month first.
func (p *Page) historyTable(caption string, of func(published.Counts) int64) *table {
	t := &table{Caption: caption, Heads: []string{"Month", "Seen", "Confirmed", "Days with reports", "Source"}}
	for _, r := range slices.Backward(p.History.Months) {
		seen, confirmed := countsOf(r)
		cells := []cell{{}, {}, {}, {}}
		if seen != nil {
			cells[0] = count(of(*seen))
		}
		if confirmed != nil {
			cells[1] = count(of(*confirmed))
		}
		if r.DaysWithData != nil {
			cells[2] = count(int64(*r.DaysWithData))
		}
		if r.Source != nil {
			cells[3] = cell{Text: sourceShort(*r.Source)}
		}
		href := ""
		if r.Clusters != nil {
			href = p.choice("", false, func(c *Choice) { c.Month, c.Span = r.Month, Month }).Href
		}
		t.Rows = append(t.Rows, row{p.monthHead(r.Month, href), cells})
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

// line draws a figure of all months of the history, seen and confirmed.
func (p *Page) line(title, unit string, of func(published.Counts) int64) chart.Line {
	seen, confirmed := chart.Series{Name: "seen"}, chart.Series{Name: "confirmed"}
	for _, r := range p.History.Months {
		s, c := countsOf(r)
		seen.Values = append(seen.Values, valueOf(s, of))
		confirmed.Values = append(confirmed.Values, valueOf(c, of))
	}
	return chart.Line{
		Frame:  chart.Frame{ID: "chart-" + unit, Title: title + " by month", Unit: unit, Unfinished: p.isUnfinished(p.History.To)},
		From:   p.History.From,
		Series: []chart.Series{seen, confirmed},
	}
}

func valueOf(c *published.Counts, of func(published.Counts) int64) chart.Value {
	if c == nil {
		return chart.Value{}
	}
	return chart.Known(of(*c))
}
