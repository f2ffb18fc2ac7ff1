package census

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// breakdown makes the answer of a month that was read.
func (c *Census) breakdown(id rollup.MonthID) (*published.Breakdown, error) {
	m := c.held.all[id]
	if m == nil || m.all.seen == 0 {
		return nil, ErrNoData
	}
	b := &published.Breakdown{
		GeneratedAt: m.readAt.UTC().Format(time.RFC3339),
		Month:       id,
		Names: published.Names{
			Label: id.Name(), Start: id.First().String(), End: id.Last().String(),
		},
		Source:       rollup.SourceRollups,
		Complete:     !m.readAt.Before(id.End()) && m.days.Len() == id.Days() && c.cfg.Replicas == 1,
		DaysWithData: m.days.Len(),
		MinShare:     c.cfg.MinShare,
		Clusters:     m.all.seen,
		Capacity:     m.capacity,
	}
	for _, name := range singles {
		d := m.folded.dimensions[name].dimension(published.Dimension{Name: name})
		if name == published.ByNodes {
			slices.SortStableFunc(d.Values, func(a, b published.Share) int { return cmp.Compare(bySize(a.Value), bySize(b.Value)) })
		}
		b.Dimensions = append(b.Dimensions, d)
	}
	b.Dimensions = append(b.Dimensions, m.packageDimensions()...)
	return b, nil
}

// bySize orders sizes, and what is none of them behind.
func bySize(name string) int {
	i := slices.IndexFunc(sizes, func(s size) bool { return s.name == name })
	switch {
	case i >= 0:
		return i
	case name == sizeMore:
		return len(sizes)
	}
	return len(sizes) + 1
}

// packageDimensions returns the packages, then the variants of each.
func (m *month) packageDimensions() []published.Dimension {
	packages := published.Dimension{Name: published.ByPackage, Several: true, Clusters: m.reporting, Values: []published.Share{}}
	var variants []published.Dimension
	for _, p := range m.packages {
		packages.Values = append(packages.Values, published.Share{Value: p.name, Clusters: p.clusters.seen + p.lacking})
		d := m.folded.variants[p.name].dimension(published.Dimension{Name: published.ByVariant, Package: p.name})
		d.Clusters += p.lacking
		if len(d.Values) > 0 {
			d.Values[0].Clusters += p.lacking // those have what most have
		}
		variants = append(variants, d)
	}
	slices.SortFunc(packages.Values, byClusters)
	slices.SortFunc(variants, func(a, b published.Dimension) int { return strings.Compare(a.Package, b.Package) })
	return append([]published.Dimension{packages}, variants...)
}
