package web

import (
	"cmp"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// tile is one of the main figures.
type tile struct {
	// Name is that of the API: total_nodes.
	Name, Title string
	// Base says of which clusters the figure is, "" where there is but one kind.
	Figure cell
	Base   string
	// Beside is the same of other clusters; Other says of which.
	Beside cell
	Other  string
	// Notes are averages and changes, each a short sentence.
	Notes []string
}

func (p *Page) tiles() []tile {
	x := p.period()
	base := cmp.Or(x.Published, published.Seen)
	tiles := []tile{
		{Name: "clusters", Title: "Clusters", Figure: count(x.Clusters)},
		{Name: "total_nodes", Title: "Nodes", Figure: count(x.TotalNodes), Notes: []string{x.AvgNodesPerCluster.String() + " per cluster"}},
		{Name: "total_tenants", Title: "Tenants", Figure: count(x.TotalTenants), Notes: []string{x.AvgTenantsPerCluster.String() + " per cluster"}},
	}
	before, covered := p.before(base)
	now := mainCounts(x.Counts)
	for i := range tiles {
		t := &tiles[i]
		t.Base = baseText(base)
		switch {
		case base == published.Confirmed && i == 0 && x.UniqueClusters != nil:
			t.Beside, t.Other = count(*x.UniqueClusters), "seen"
		case base == published.Seen && x.Confirmed != nil:
			t.Beside, t.Other = count(mainCounts(x.Confirmed.Counts)[i]), "confirmed"
		case base == published.Seen:
			t.Other = "confirmed: not known yet"
		}
		if before != nil {
			t.Notes = append(t.Notes, p.change(now[i], before[i], covered))
		}
	}
	return tiles
}

// mainCounts are the figures of the tiles.
func mainCounts(c published.Counts) []int64 {
	return []int64{c.Clusters, c.TotalNodes, c.TotalTenants}
}

// before are the same figures of the month before, nil where there are none to compare with, and
// on how many days there were reports in it; nil: not known.
func (p *Page) before(base published.Base) (figures []int64, covered *int) {
	r := p.row(p.Choice.Month - 1)
	switch {
	case p.Choice.Span != Month || r == nil:
		return nil, nil
	case base == published.Confirmed && r.Confirmed != nil:
		return mainCounts(r.Confirmed.Counts), r.DaysWithData
	case r.Published != nil && *r.Published != base || r.TotalNodes == nil || r.TotalTenants == nil:
		return nil, nil
	}
	return []int64{*r.Clusters, *r.TotalNodes, *r.TotalTenants}, r.DaysWithData
}

// change says how much more a month has than the one before, of which there are reports on so
// many days: of a few, it may be no change at all.
func (p *Page) change(now, before int64, covered *int) string {
	text := "as many as"
	if d := now - before; d != 0 {
		text = signed(d)
		if before > 0 {
			text += fmt.Sprintf(" (%s\u00a0%%)", signedTenths(100*float64(d)/float64(before)))
		}
		text += " against"
	}
	last := p.Choice.Month - 1
	if covered != nil && *covered > 0 && *covered < last.Days() {
		text += fmt.Sprintf(" %d of %d days of", *covered, last.Days())
	}
	text += last.Start().Format(" January")
	if p.isUnfinished(p.Choice.Month) {
		text += ", so far"
	}
	return text
}

func signed(n int64) string {
	if n < 0 {
		return "−" + chart.Grouped(-n)
	}
	return "+" + chart.Grouped(n)
}

func signedTenths(v float64) string {
	if v < 0 {
		return "−" + decimal(-v)
	}
	return "+" + decimal(v)
}
