package export

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A cluster may invent kinds and resources. No more than these get a column of
// their own, those first that most clusters have; the others are added up.
const (
	maxAppColumns      = 500
	maxCapacityColumns = 200
	otherColumn        = "other"
)

const (
	prefixApp      = "app_"
	prefixCapacity = "capacity_"
)

// columnName makes a name that needs no quotes in SQL.
func columnName(prefix, text string) string {
	return prefix + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, text)
}

// factNames gathers the columns that a window needs.
type factNames struct {
	apps   *appsource.Source
	listed []string
	seen   map[rollup.Series]string // a series' column, "" if it needs none
	counts map[string]int           // records with a column
}

func newFactNames(apps *appsource.Source) *factNames {
	n := &factNames{apps: apps, seen: map[rollup.Series]string{}, counts: map[string]int{}}
	for app := range apps.ByApp(nil) {
		n.listed = append(n.listed, columnName(prefixApp, app))
	}
	slices.Sort(n.listed)
	return n
}

// column returns the column to which a series adds, "" if there is none.
func (n *factNames) column(s rollup.Series) string {
	name, ok := n.seen[s]
	if ok {
		return name
	}
	switch s.Metric() {
	case rollup.MetricApplications:
		if kind := s.Label(rollup.LabelKind); kind != "" {
			name = columnName(prefixApp, n.apps.App(kind))
		}
	case metricCapacity:
		if resource := s.Label("resource"); resource != "" {
			name = columnName(prefixCapacity, resource)
		}
	}
	n.seen[s] = name
	return name
}

func (n *factNames) add(peaks []rollup.Peak) {
	for _, p := range peaks {
		if name := n.column(p.Series); name != "" {
			n.counts[name]++
		}
	}
}

// table returns the columns for what was seen.
func (n *factNames) table() *factTable {
	t := &factTable{names: n, index: map[string]int{}, columns: []tabular.Column{
		tabular.Text.Named("cozystack_version"), tabular.Text.Named("kubernetes_version"),
		tabular.Count.Named("nodes"), tabular.Count.Named("tenants"), tabular.Count.Named("load_balancers"), tabular.Count.Named("volumes"), tabular.Count.Named("packages"),
	}}
	t.add(prefixCapacity, n.most(prefixCapacity, nil, maxCapacityColumns), tabular.Number)
	t.add(prefixApp, n.most(prefixApp, n.listed, maxAppColumns), tabular.Count)
	return t
}

// most returns the columns with a prefix: some that are always there, and others
// up to a bound.
func (n *factNames) most(prefix string, always []string, bound int) []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(n.counts)), func(name string) bool {
		return !strings.HasPrefix(name, prefix) || slices.Contains(always, name)
	})
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(n.counts[b], n.counts[a]), strings.Compare(a, b))
	})
	other := len(names) > bound
	names = slices.Concat(always, names[:min(len(names), bound)])
	if other {
		names = append(names, prefix+otherColumn)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
