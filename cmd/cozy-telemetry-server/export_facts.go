package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The metrics of which the tables of clusters are made.
const (
	metricInfo          = "cozy_cluster_info"
	metricNodes         = "cozy_nodes_count"
	metricApplications  = "cozy_application_count"
	metricTenants       = "cozy_tenants_count"
	metricCapacity      = "cozy_cluster_capacity"
	metricLoadBalancers = "cozy_loadbalancers_count"
	metricVolumes       = "cozy_pvs_count"
	metricPackages      = "cozy_package_info"
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
	case metricApplications:
		if kind := s.Label("kind"); kind != "" {
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
	t := &factTable{names: n, index: map[string]int{}, columns: []column{
		{"cozystack_version", kindText}, {"kubernetes_version", kindText},
		{"nodes", kindCount}, {"tenants", kindCount}, {"load_balancers", kindCount}, {"volumes", kindCount}, {"packages", kindCount},
	}}
	t.add(prefixCapacity, n.most(prefixCapacity, nil, maxCapacityColumns), kindNumber)
	t.add(prefixApp, n.most(prefixApp, n.listed, maxAppColumns), kindCount)
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

// factTable makes the cells of what a cluster has reported.
type factTable struct {
	names   *factNames
	columns []column
	index   map[string]int // of the columns with a prefix
}

func (t *factTable) add(prefix string, names []string, kind columnKind) {
	for _, name := range names {
		t.index[name] = len(t.columns)
		t.columns = append(t.columns, column{name, kind})
	}
}

// place returns the index of a series' column.
func (t *factTable) place(name string) (int, bool) {
	if i, ok := t.index[name]; ok {
		return i, true
	}
	prefix, _, _ := strings.Cut(name, "_")
	i, ok := t.index[prefix+"_"+otherColumn]
	return i, ok
}

// cells returns the cells of a cluster's month, or of any other fold of its days.
func (t *factTable) cells(m rollup.Month, v versions) []cell {
	row := make([]cell, len(t.columns))
	row[0], row[1] = textOrNone(v.cozystack), textOrNone(v.kubernetes)
	row[2] = peakOf(m, metricNodes)
	row[3] = peakTenants(m)
	row[4] = peakOf(m, metricLoadBalancers)
	row[5] = peakOf(m, metricVolumes)
	row[6] = packages(m)
	for _, p := range m.Peaks {
		name := t.names.column(p.Series)
		if name == "" {
			continue
		}
		if i, ok := t.place(name); ok {
			row[i] = numberCell(row[i].number + p.Value)
		}
	}
	return row
}

// peakOf returns the highest sum that one report had of a metric.
func peakOf(m rollup.Month, metric string) cell {
	for _, mm := range m.Metrics {
		if mm.Metric == metric {
			return numberCell(mm.Peak)
		}
	}
	return cell{}
}

// peakTenants is the larger of the two ways in which clusters report tenants, as
// in the overview.
func peakTenants(m rollup.Month) cell {
	var now, before cell
	for _, p := range m.Peaks {
		switch p.Series.Metric() {
		case metricTenants:
			before = numberCell(before.number + p.Value)
		case metricApplications:
			if p.Series.Label("kind") == "Tenant" {
				now = numberCell(now.number + p.Value)
			}
		}
	}
	if before.number > now.number || !now.known {
		return before
	}
	return now
}

// packages counts the packages by name.
func packages(m rollup.Month) cell {
	names := map[string]bool{}
	reported := false
	for _, p := range m.Peaks {
		if p.Series.Metric() == metricPackages {
			reported = true
			if p.Value > 0 {
				names[p.Series.Label("name")] = true
			}
		}
	}
	if !reported {
		return cell{}
	}
	return countCell(len(names))
}

// versions are what a cluster runs; "" is not known.
type versions struct{ cozystack, kubernetes string }

// highestVersions returns the highest versions of some months: which one was the
// last is not kept of them.
func highestVersions(peaks []rollup.Peak) (v versions) {
	for _, p := range peaks {
		if p.Series.Metric() == metricInfo {
			v.raise(p.Series)
		}
	}
	return v
}

// latestVersions returns the versions of the latest hour that has any; the highest
// ones, if that hour had several.
func latestVersions(points []rollup.Point) (v versions) {
	latest := -1
	for _, p := range points {
		if p.Series.Metric() != metricInfo || int(p.Hour) < latest {
			continue
		}
		if int(p.Hour) > latest {
			latest, v = int(p.Hour), versions{}
		}
		v.raise(p.Series)
	}
	return v
}

func (v *versions) raise(s rollup.Series) {
	v.cozystack = higher(v.cozystack, s.Label("cozystack_version"))
	v.kubernetes = higher(v.kubernetes, s.Label("kubernetes_version"))
}

// higher returns the higher of two versions. What is none is below all.
func higher(a, b string) string {
	if cmp.Or(semver.Compare(a, b), strings.Compare(a, b)) < 0 {
		return b
	}
	return a
}

// labelsJSON returns a series' labels as a JSON object, sorted by name.
func labelsJSON(s rollup.Series) (string, error) {
	labels := map[string]string{}
	for _, l := range s.Labels() {
		labels[l.Name] = l.Value
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(labels); err != nil {
		return "", err
	}
	return strings.TrimSpace(b.String()), nil
}

// rounded makes a count of a value: half away from zero.
func rounded(v float64) int64 { return int64(math.Round(min(v, rollup.MaxValue))) }
