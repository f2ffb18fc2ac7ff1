package census

import (
	"context"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// month is what was read of one.
type month struct {
	id rollup.MonthID
	// stamp is what the store said before it was read.
	stamp  stamp
	readAt time.Time
	took   time.Duration
	// open is set where it can't be known yet who is steady, and where all is shown: then
	// all clusters count as such.
	open bool
	days rollup.DaySet // on which any cluster was seen
	all  count
	// dimensions has the counts of those of which a cluster has one value each.
	dimensions map[string]map[string]count
	// reporting are the clusters that report any package, packages those that are shown.
	reporting int64
	packages  []pack
	// capacity are the resources that are shown.
	capacity []published.Resource
	rows     []row
	steps    []step
	// folded is what is shown of dimensions and variants; nil until it is decided.
	folded *folded
}

// singles are the dimensions of which a cluster has one value each, in the order in which
// they are published.
var singles = [...]string{
	published.ByVersion, published.ByKubernetes, published.ByOS, published.ByKernel, published.ByDriver, published.ByNodes,
}

// variant is one of a package's.
type variant struct{ pkg, name string }

func compareVariants(a, b variant) int {
	if a.pkg != b.pkg {
		return strings.Compare(a.pkg, b.pkg)
	}
	return strings.Compare(a.name, b.name)
}

// maxPerCluster bounds the packages, and the resources, that are counted of one cluster.
const maxPerCluster = 200

// reading is the pass over a month's records.
type reading struct {
	*month
	held *months
	cfg  Config
	// since has the days of the month before, by cluster.
	since map[uint32]int

	sheet    sheet
	newest   map[string]newest // the packages of one cluster
	ran      []ran             // the releases of one cluster
	packaged count             // who reports any
	// names has what was read of the packages' series: most clusters have the same.
	names    map[rollup.Series]variant
	singles  [len(singles)]*tally[string]
	packages *tally[string]
	variants *tally[variant]
	capacity *tally[string]
}

// read reads a month. before is the one before it, nil if that is not known.
func (h *months) read(ctx context.Context, store Store, cfg Config, id rollup.MonthID, before *month) (*month, error) {
	r := &reading{
		month: &month{id: id, readAt: cfg.Now()}, held: h, cfg: cfg,
		since: make(map[uint32]int), newest: make(map[string]newest), names: make(map[rollup.Series]variant),
		packages: newTally(strings.Compare), variants: newTally(compareVariants), capacity: newTally(strings.Compare),
	}
	for i := range r.singles {
		r.singles[i] = newTally(strings.Compare)
	}
	known := 0
	if before != nil {
		known = before.days.Len()
		for _, row := range before.rows {
			r.since[row.cluster] = row.days.Len()
		}
	}
	err := store.Fold(ctx, rollup.Cozystack, id, id, everyMetric, func(instance string, months []rollup.Month) error {
		r.enter(instance, months[0])
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.open = cfg.MinShare <= 1 || known+r.days.Len() < cfg.ConfirmDays
	r.finish()
	r.took = cfg.Now().Sub(r.readAt)
	return r.month, nil
}

// enter counts one cluster. Who reports no cozy_cluster_info is none, as everywhere.
func (r *reading) enter(instance string, m rollup.Month) {
	days := metricOf(m, rollup.MetricInfo).Days
	if days == 0 {
		return
	}
	cluster := r.held.clusters.number(instance)
	r.days |= days
	r.rows = append(r.rows, row{cluster, days})
	c := oneCluster(r.since[cluster]+days.Len() >= r.cfg.ConfirmDays)
	r.all = r.all.plus(c)
	r.sheet.enter(m)
	r.enterSteps(cluster, days)
	r.enterSingles(c)
	r.enterPackages(c)
	r.enterCapacity(c)
}

func (r *reading) enterSingles(c count) {
	var release, kubernetes string
	if last := r.sheet.info.last(); last != nil {
		release = version(last.Series.Label(labelVersion))
		kubernetes = minor(last.Series.Label(labelKubernetes))
	}
	for i, value := range [len(singles)]string{
		release, kubernetes,
		r.sheet.nodes.most(labelOS, system), r.sheet.nodes.most(labelKernel, majorMinor),
		r.sheet.volumes.most(labelDriver, name),
		sizeOf(min(r.sheet.nodes.sum(), r.sheet.mostNodes)),
	} {
		if value != missing {
			r.singles[i].add(value, c)
		}
	}
}

// newest is the series of a package that was reported last.
type newest struct {
	*rollup.Peak
	variant string
}

// enterPackages counts each package once, with the variant that was reported last.
func (r *reading) enterPackages(c count) {
	clear(r.newest)
	r.sheet.packages.newest(func(p *rollup.Peak) {
		v := r.variantOf(p.Series)
		if v.pkg == missing || v.pkg == published.Other || p.Peak <= 0 {
			return
		}
		other, ok := r.newest[v.pkg]
		if ok && compareLast(p, other.Peak) > 0 || !ok && len(r.newest) < maxPerCluster {
			r.newest[v.pkg] = newest{p, v.name}
		}
	})
	for pkg, n := range r.newest {
		r.packages.add(pkg, c)
		if n.variant != missing {
			r.variants.add(variant{pkg, n.variant}, c)
		}
	}
	if len(r.newest) > 0 {
		r.packaged = r.packaged.plus(c)
	}
}

func (r *reading) variantOf(s rollup.Series) variant {
	v, ok := r.names[s]
	if !ok {
		v = variant{name(s.Label(labelName)), name(s.Label(labelVariant))}
		if len(r.names) < maxTallied { // only a flood has more
			r.names[s] = v
		}
	}
	return v
}

// enterCapacity adds what the newest report had. Each is the month's highest of its series.
func (r *reading) enterCapacity(c count) {
	entered := 0
	r.sheet.capacity.newest(func(p *rollup.Peak) {
		resource := name(p.Series.Label(labelResource))
		if resource == "" || resource == published.Other || p.Peak <= 0 || entered == maxPerCluster {
			return
		}
		entered++
		c.total = p.Peak
		r.capacity.add(resource, c)
	})
}

// finish makes the month of the tallies.
func (r *reading) finish() {
	if r.open {
		r.all.steady, r.packaged.steady = r.all.seen, r.packaged.seen
		for _, t := range append(r.singles[:], r.packages, r.capacity) {
			t.open()
		}
		r.variants.open()
	}
	r.dimensions = make(map[string]map[string]count, len(singles))
	for i, dimension := range singles {
		r.singles[i].keep(maxKept)
		r.dimensions[dimension] = among(r.singles[i], r.all)
	}
	reporting := r.completed(r.packaged, r.all)
	r.reporting, r.month.packages = reporting.seen, r.showPackages(reporting)
	r.month.capacity = r.showCapacity()
}
