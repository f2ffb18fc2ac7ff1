package web

import (
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// adoption shows how fast versions are taken up.
func (p *Page) adoption() section {
	s := section{ID: "adoption", Title: "Adoption of new versions"}
	a := p.Adoption
	switch {
	case a == nil:
		s.Missing = p.untold("This can't be told at the moment.")
		return s
	case len(a.Versions) == 0:
		s.Missing = "No version has been run by " + chart.Plural(a.MinShare, "confirmed cluster", "confirmed clusters") + " yet."
		return s
	}
	s.Lead = "How many days after its first report 10, 50 and 90\u00a0% of the active confirmed clusters ran a version or a newer one. " +
		"Today these are " + chart.Plural(a.Clusters, "cluster", "clusters") + "." + rounded(a.MinShare)
	t := &table{
		Caption: "Versions of Cozystack, the newest first",
		Heads:   []string{"Version", "First report", "Run it, or a newer one", "10\u00a0% after", "50\u00a0% after", "90\u00a0% after", "Upgraded to it", "Median upgrade after"},
	}
	for _, v := range a.Versions {
		t.Rows = append(t.Rows, row{head{Text: v.Version}, []cell{
			{Text: v.FirstReport, Time: v.FirstReport}, part(&v.Clusters, a.Clusters),
			days(v.DaysTo10), days(v.DaysTo50), days(v.DaysTo90), count(v.Upgraded), days(v.MedianDays),
		}})
	}
	s.Figures = []figure{{ID: "adoption-figure", Table: t, Wide: true}}
	if shares := adoptionShares(a.Versions); len(shares.Rows) > 0 {
		s.Figures = append(s.Figures, figure{ID: "adoption-shares", Table: shares, Wide: true})
	}
	return s
}

// adoptionShares shows versions side by side, by how long each has been there.
func adoptionShares(versions []published.VersionAdoption) *table {
	t := &table{Caption: "Clusters that ran a version or a newer one, by days since its first report", Heads: []string{"Version"}}
	since := []int{0, 7, 14, 30, 60, 90, 180}
	for _, day := range since {
		t.Heads = append(t.Heads, chart.Plural(day, "day", "days"))
	}
	for _, v := range versions {
		if v.DaysTo10 == nil {
			continue // few have it yet, or it is not known since when
		}
		r := row{Head: head{Text: v.Version}}
		for _, day := range since {
			c := cell{}
			if day < len(v.Shares) {
				c = part(&v.Shares[day].Clusters, v.Shares[day].Active)
			}
			r.Cells = append(r.Cells, c)
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// rounded says how coarse counts are.
func rounded(step int64) string {
	if step <= 1 {
		return ""
	}
	return " Counts are rounded down to a multiple of " + chart.Grouped(step) + "."
}

// retention shows how long clusters stay.
func (p *Page) retention() section {
	s := section{ID: "retention", Title: "How long clusters stay"}
	r := p.Retention
	switch {
	case r == nil:
		s.Missing = p.untold("This can't be told at the moment.")
		return s
	case len(r.Months) == 0:
		s.Missing = "It takes a month that has ended to tell this."
		return s
	}
	s.Lead = "Of the confirmed clusters that were first seen in a month, how many were still seen 1, 3, 6 and 12 months later. " +
		"Where the month in question has not ended, or fewer than " + chart.Plural(r.MinShare, "cluster", "clusters") + " joined, nothing is told." + rounded(r.MinShare)
	t := &table{
		Caption: "Clusters by the month in which they were first seen, the newest first",
		Heads:   []string{"First seen", "Joined", "After 1 month", "After 3 months", "After 6 months", "After 12 months", "Left in the month"},
	}
	for _, c := range slices.Backward(r.Months) {
		t.Rows = append(t.Rows, row{monthHead(c.Month), cohortCells(c)})
	}
	s.Figures = []figure{{ID: "retention-figure", Table: t, Wide: true}}
	return s
}

func cohortCells(c published.Cohort) []cell {
	return []cell{
		count(c.Joined), part(c.After1, c.Joined), part(c.After3, c.Joined), part(c.After6, c.Joined), part(c.After12, c.Joined), counted(c.Left),
	}
}
