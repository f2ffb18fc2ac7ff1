package dataset

import (
	"maps"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Row is one figure of a month, or of a window of months that ends with it.
type Row struct {
	Month rollup.MonthID
	// Months is how long the window is: 1, 3 or 12.
	Months int
	// Figure is what is counted, named as in the API: clusters, total_nodes, apps, capacity.
	Figure string
	// Base says of which clusters it is; empty for other products.
	Base published.Base
	// Dimension is by what it is counted, Value which one it is, as in os and Ubuntu; both
	// are empty for a figure of all. Package is whose variants they are.
	Dimension, Package, Value string
	Number                    float64
	// Denominator is how many clusters could have counted; nil where there is no such number.
	Denominator *int64
	Source      rollup.Source
	Complete    bool
}

// Dimensions beside those of a breakdown.
const (
	byApplication = "application"
	byResource    = "resource"
	byMetric      = "metric"
)

// OfMonth returns all that is published of a month. The breakdown may be nil.
func OfMonth(month rollup.MonthID, p published.Period, b *published.Breakdown) []Row {
	rows := OfPeriod(month, 1, p)
	if b != nil {
		rows = append(rows, OfBreakdown(b)...)
	}
	return rows
}

// OfPeriod returns the figures of a window: those of the period itself, and the confirmed
// ones beside them, if there are such.
func OfPeriod(month rollup.MonthID, months int, p published.Period) []Row {
	row := Row{Month: month, Months: months, Source: p.Source, Complete: p.Complete}
	var rows []Row
	if p.Published == published.Seen {
		rows = append(rows, ofCounts(row, published.Seen, p.Counts)...)
		rows = append(rows, unique(row, published.Seen, p.UniqueClusters)...)
	}
	if p.Confirmed != nil {
		row.Source, row.Complete = rollup.SourceRollups, p.Confirmed.Complete
		rows = append(rows, ofCounts(row, published.Confirmed, p.Confirmed.Counts)...)
		rows = append(rows, unique(row, published.Confirmed, p.ConfirmedClusters)...)
	}
	return rows
}

// unique is the row of the clusters of a window of several months as one.
func unique(r Row, base published.Base, clusters *int64) []Row {
	if clusters == nil || r.Months == 1 {
		return nil
	}
	r.Figure, r.Base, r.Number = "unique_clusters", base, float64(*clusters)
	return []Row{r}
}

func ofCounts(r Row, base published.Base, c published.Counts) (rows []Row) {
	r.Base = base
	for _, f := range []struct {
		name   string
		number float64
	}{
		{"clusters", float64(c.Clusters)},
		{"total_nodes", float64(c.TotalNodes)},
		{"avg_nodes_per_cluster", float64(c.AvgNodesPerCluster) / 10},
		{"total_tenants", float64(c.TotalTenants)},
		{"avg_tenants_per_cluster", float64(c.AvgTenantsPerCluster) / 10},
	} {
		r.Figure, r.Number = f.name, f.number
		rows = append(rows, r)
	}
	r.Figure, r.Dimension = "apps", byApplication
	for _, app := range slices.Sorted(maps.Keys(c.Apps)) {
		r.Value, r.Number = app, float64(c.Apps[app])
		rows = append(rows, r)
	}
	return rows
}

// OfBreakdown returns a breakdown, and the capacity.
func OfBreakdown(b *published.Breakdown) (rows []Row) {
	r := Row{Month: b.Month, Months: 1, Figure: "clusters", Base: published.Seen, Source: b.Source, Complete: b.Complete}
	for _, d := range b.Dimensions {
		r.Dimension, r.Package, r.Denominator = d.Name, d.Package, &d.Clusters
		for _, v := range d.Values {
			r.Value, r.Number = v.Value, float64(v.Clusters)
			rows = append(rows, r)
		}
	}
	r.Figure, r.Dimension, r.Package = "capacity", byResource, ""
	for _, c := range b.Capacity {
		r.Value, r.Number, r.Denominator = c.Resource, c.Total, &c.Clusters
		rows = append(rows, r)
	}
	return rows
}

// OfProduct returns the figures of a window of another product. Its metrics have a dimension of
// their own, for they may be named as anything: Coroot counts instances too.
func OfProduct(month rollup.MonthID, months int, p published.ProductPeriod) []Row {
	r := Row{Month: month, Months: months, Source: p.Source, Complete: p.Complete}
	var rows []Row
	add := func(figure, dimension, value string, number float64) {
		r.Figure, r.Dimension, r.Value, r.Number = figure, dimension, value, number
		rows = append(rows, r)
	}
	add("instances", "", "", float64(p.Instances))
	add("reports", "", "", float64(p.Reports))
	for _, metric := range slices.Sorted(maps.Keys(p.Metrics)) {
		add("metrics", byMetric, metric, p.Metrics[metric])
	}
	for _, share := range slices.Sorted(maps.Keys(p.Shares)) {
		for _, value := range published.Ranked(p.Shares[share]) {
			add("instances", share, value, float64(p.Shares[share][value]))
		}
	}
	return rows
}
