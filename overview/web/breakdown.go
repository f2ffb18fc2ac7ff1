package web

import (
	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// breakdown shows what clusters are made of, a chart for each dimension.
func (p *Page) breakdown() section {
	s := section{ID: "breakdown", Title: "What clusters are made of"}
	b := p.Breakdown
	if b == nil {
		s.Missing = p.untold("This can't be told at the moment: the server's own records have nothing of " + p.Choice.Month.Name() + ".")
		return s
	}
	s.Lead = "Of the " + chart.Plural(b.Clusters, "cluster", "clusters") + " seen in " + b.Month.Name() +
		", each by what it reported last."
	if b.MinShare > 1 {
		s.Lead += " What fewer than " + chart.Plural(b.MinShare, "cluster", "clusters") + " have is counted as “other”."
	}
	for i, d := range b.Dimensions {
		if len(d.Values) > 0 && d.Name != published.ByPackage && d.Name != published.ByVariant {
			s.Figures = append(s.Figures, p.dimension(d, "by-"+itoa(i)))
		}
	}
	if len(s.Figures) == 0 {
		s.Lead, s.Missing = "", "There are too few clusters to tell: what fewer than "+chart.Plural(b.MinShare, "cluster", "clusters")+" have is not shown."
	}
	return s
}

// dimension shows clusters by one thing that they report.
func (p *Page) dimension(d published.Dimension, id string) figure {
	title := dimensionTitle(d)
	bars := chart.Bars{Frame: chart.Frame{
		ID: "chart-" + id, Title: title, Unit: "clusters", Whole: chart.Known(d.Clusters), Base: "that report it",
	}}
	t := &table{Caption: "Clusters by " + lowered(title) + ", of " + chart.Grouped(d.Clusters) + " that report it", Heads: []string{"Value", "Clusters", "Share"}}
	for _, v := range d.Values {
		bars.Rows = append(bars.Rows, chart.Row{Label: valueText(d, v.Value), Value: chart.Known(v.Clusters), Other: v.Value == published.Other})
		t.Rows = append(t.Rows, row{head{Text: valueText(d, v.Value)}, []cell{count(v.Clusters), shareCell(v.Clusters, d.Clusters)}})
	}
	return figure{ID: id, Title: title, Chart: bars.SVG(), Table: t, CSV: p.api("/api/breakdown.csv")}
}

// packages shows which packages clusters have, and in which variants.
func (p *Page) packages() section {
	s := section{ID: "packages", Title: "Packages", Lead: "How many clusters have each. Most have many.", Half: true}
	variants := &table{Caption: "Variants of packages", Heads: []string{"Package", "Variant", "Clusters", "Share"}}
	for i, d := range p.Breakdown.Dimensions {
		switch {
		case len(d.Values) == 0:
		case d.Name == published.ByPackage:
			f := p.dimension(d, "by-"+itoa(i))
			f.Title = ""
			s.Figures = append(s.Figures, f)
		case d.Name == published.ByVariant:
			for _, v := range d.Values {
				variants.Rows = append(variants.Rows, row{head{Text: d.Package}, []cell{
					{Text: valueText(d, v.Value)}, count(v.Clusters), shareCell(v.Clusters, d.Clusters),
				}})
			}
		}
	}
	if len(variants.Rows) > 0 {
		s.Figures = append(s.Figures, figure{
			ID: "variants", Title: "Variants", Lead: "Shares are of the clusters that have the package.", Table: variants, Folded: true, CSV: p.api("/api/breakdown.csv"),
		})
	}
	return s
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
	return cell{Text: chart.Share(chart.Known(n), chart.Known(all))}
}

// capacity is what all clusters have together.
func (p *Page) capacity() section {
	b := p.Breakdown
	s := section{ID: "capacity", Title: "Capacity", Lead: "What the nodes of all clusters seen in " + b.Month.Name() + " have together, by their last reports.", Half: true}
	t := &table{Caption: "Capacity in all, and per cluster that reports it", Heads: []string{"Resource", "In all", "Clusters", "Per cluster"}}
	for _, r := range b.Capacity {
		cells := []cell{resourceCell(r.Resource, r.Total), count(r.Clusters), {}}
		if r.Clusters > 0 {
			cells[2] = resourceCell(r.Resource, r.Total/float64(r.Clusters))
		}
		t.Rows = append(t.Rows, row{head{Text: resourceTitle(r.Resource)}, cells})
	}
	if len(t.Rows) == 0 {
		return s
	}
	s.Figures = []figure{{ID: "capacity-figure", Table: t, CSV: p.api("/api/breakdown.csv")}}
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
