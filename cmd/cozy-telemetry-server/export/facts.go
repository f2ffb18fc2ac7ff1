package export

import (
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The metrics of which the tables of clusters are made, beside those of the
// published figures.
const (
	metricCapacity      = "cozy_cluster_capacity"
	metricLoadBalancers = "cozy_loadbalancers_count"
	metricVolumes       = "cozy_pvs_count"
	metricPackages      = "cozy_package_info"
)

// factTable makes the cells of what a cluster has reported.
type factTable struct {
	names   *factNames
	columns []tabular.Column
	index   map[string]int // of the columns with a prefix
}

func (t *factTable) add(prefix string, names []string, kind tabular.Kind) {
	for _, name := range names {
		t.index[name] = len(t.columns)
		t.columns = append(t.columns, kind.Named(name))
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
func (t *factTable) cells(m rollup.Month, v versions) []tabular.Cell {
	row := make([]tabular.Cell, len(t.columns))
	row[0], row[1] = tabular.OfTextOrNone(v.cozystack), tabular.OfTextOrNone(v.kubernetes)
	row[2] = peakOf(m, rollup.MetricNodes)
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
			row[i] = tabular.OfNumber(row[i].Number + p.Peak)
		}
	}
	// As in the overview, the application of the tenants shows these: clients before
	// v1.0 do not count them as an application.
	if i, ok := t.index[columnName(prefixApp, t.names.apps.App(rollup.KindTenant))]; ok {
		row[i] = row[3]
	}
	return row
}

// peakOf returns the highest sum that one report had of a metric.
func peakOf(m rollup.Month, metric string) tabular.Cell {
	for _, mm := range m.Metrics {
		if mm.Metric == metric {
			return tabular.OfNumber(mm.Peak)
		}
	}
	return tabular.Cell{}
}

// peakTenants is the larger of the two ways in which clusters report tenants, as
// in the overview.
func peakTenants(m rollup.Month) tabular.Cell {
	var now, before tabular.Cell
	for _, p := range m.Peaks {
		switch p.Series.Metric() {
		case rollup.MetricTenants:
			before = tabular.OfNumber(before.Number + p.Peak)
		case rollup.MetricApplications:
			if p.Series.Label(rollup.LabelKind) == rollup.KindTenant {
				now = tabular.OfNumber(now.Number + p.Peak)
			}
		}
	}
	if before.Number > now.Number || !now.Known {
		return before
	}
	return now
}

// packages counts the packages by name.
func packages(m rollup.Month) tabular.Cell {
	names := map[string]bool{}
	reported := false
	for _, p := range m.Peaks {
		if p.Series.Metric() == metricPackages {
			reported = true
			if p.Peak > 0 {
				names[p.Series.Label("name")] = true
			}
		}
	}
	if !reported {
		return tabular.Cell{}
	}
	return tabular.OfCount(len(names))
}
