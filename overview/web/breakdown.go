package web

import (
	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// breakdown shows what clusters are made of, a chart for each dimension.
func (p *Page) breakdown() section {
	s := section{ID: "breakdown", Title: "What clusters are made of"}
	b := p.Breakdown
	switch {
	case b == nil:
		s.Missing = "This can't be told at the moment: the server's own records have nothing of " + monthName(p.Choice.Month) + "."
		return s
	case len(b.Dimensions) == 0:
		s.Missing = "There are too few clusters to tell: what fewer than " + plural(b.MinShare, "cluster", "clusters") + " have is not shown."
		return s
	}
	s.Lead = "Of the " + plural(b.Clusters, "cluster", "clusters") + " seen in " + monthName(b.Month) +
		", each by what it reported last. What fewer than " + plural(b.MinShare, "cluster", "clusters") + " have is counted as “other”."
	for i, d := range b.Dimensions {
		s.Figures = append(s.Figures, p.dimension(d, "by-"+itoa(i)))
	}
	return s
}

// dimension shows clusters by one thing that they report. Variants of packages are tables:
// there are many, and of few rows.
func (p *Page) dimension(d published.Dimension, id string) figure {
	title := dimensionTitle(d)
	f := figure{ID: id, Title: title, CSV: p.api("/api/breakdown.csv")}
	bars := chart.Bars{Frame: chart.Frame{
		ID: "chart-" + id, Title: title, Unit: "clusters", Whole: chart.Known(d.Clusters), Base: "that report it",
	}}
	f.Table = &table{Caption: "Clusters by " + lowered(title), Heads: []string{"Value", "Clusters", "Share"}}
	for _, v := range d.Values {
		bars.Rows = append(bars.Rows, chart.Row{Label: valueText(d, v.Value), Value: chart.Known(v.Clusters), Other: v.Value == published.Other})
		f.Table.Rows = append(f.Table.Rows, row{head{Text: valueText(d, v.Value)}, []cell{count(v.Clusters), shareCell(v.Clusters, d.Clusters)}})
	}
	switch {
	case d.Name != published.ByVariant:
		f.Chart = bars.SVG()
	default:
		f.Lead = plural(d.Clusters, "cluster reports", "clusters report") + " it."
	}
	return f
}

// dimensionTitle is what a dimension is called.
func dimensionTitle(d published.Dimension) string {
	switch d.Name {
	case published.ByVersion:
		return "Version of Cozystack"
	case published.ByKubernetes:
		return "Version of Kubernetes"
	case published.ByOS:
		return "Operating system"
	case published.ByKernel:
		return "Kernel"
	case published.ByDriver:
		return "Storage driver"
	case published.ByNodes:
		return "Size in nodes"
	case published.ByPackage:
		return "Packages"
	case published.ByVariant:
		return "Variants of " + d.Package
	}
	return d.Name
}

// valueText is a value as people read it.
func valueText(d published.Dimension, value string) string {
	switch {
	case value == "":
		return "(none)"
	case d.Name == published.ByNodes && value == "1":
		return "1 node"
	case d.Name == published.ByNodes && value != published.Other:
		return value + " nodes"
	}
	return value
}

func shareCell(n, all int64) cell {
	if all <= 0 {
		return cell{}
	}
	return cell{Text: percent(n, all)}
}

// capacity is what all clusters have together.
func (p *Page) capacity() section {
	b := p.Breakdown
	s := section{ID: "capacity", Title: "Capacity", Lead: "What the nodes of all clusters seen in " + monthName(b.Month) + " have together, by their last reports."}
	t := &table{Caption: "Capacity of all clusters", Heads: []string{"Resource", "In all", "Clusters that report it", "Per cluster"}}
	for _, r := range b.Capacity {
		cells := []cell{resourceCell(r.Resource, r.Total), count(r.Clusters), {}}
		if r.Clusters > 0 {
			cells[2] = resourceCell(r.Resource, r.Total/float64(r.Clusters))
		}
		t.Rows = append(t.Rows, row{head{Text: resourceTitle(r.Resource)}, cells})
	}
	s.Figures = []figure{{ID: "capacity-figure", Table: t, CSV: p.api("/api/breakdown.csv"), Wide: true}}
	return s
}

func resourceTitle(name string) string {
	switch name {
	case "cpu":
		return "CPU"
	case "memory":
		return "Memory"
	}
	return name
}

// resourceCell has the unit of the resource.
func resourceCell(name string, v float64) cell {
	c := cell{Value: plain(v), Text: decimal(v)}
	switch name {
	case "cpu":
		c.Text += " cores"
	case "memory", "ephemeral-storage":
		c.Text = bytesText(v)
	}
	return c
}
