package anomaly

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// historyMonths is how many months before the current one are read.
	historyMonths = 12
	// topHolders bounds the clusters that are remembered of a month and figure.
	topHolders = 20
)

// figureMetrics are what the figures are made of.
var figureMetrics = []string{rollup.MetricApplications, rollup.MetricInfo, rollup.MetricNodes, rollup.MetricTenants}

// monthReader folds month after month, the oldest first. One is in memory at a time.
type monthReader struct {
	months []Month
	upTo   rollup.Date
	seed   maphash.Seed
	// first has the first day of each instance of all months so far, by its hash.
	first map[uint64]rollup.Date
	new   map[rollup.Date]*Newcomers
}

func readMonths(ctx context.Context, s Store, upTo rollup.Date) (*monthReader, error) {
	r := &monthReader{
		upTo: upTo, seed: maphash.MakeSeed(),
		first: make(map[uint64]rollup.Date), new: make(map[rollup.Date]*Newcomers),
	}
	first, ok, err := s.FirstMonth(rollup.Cozystack)
	if err != nil || !ok {
		return r, err
	}
	for id := max(first, upTo.Month()-historyMonths); id <= upTo.Month(); id++ {
		m := Month{Month: id}
		err := s.Fold(ctx, rollup.Cozystack, id, id, figureMetrics, func(instance string, months []rollup.Month) error {
			r.add(&m, instance, months[0])
			return nil
		})
		if err != nil {
			return nil, err
		}
		r.months = append(r.months, m)
	}
	return r, nil
}

// add counts what an instance has in a month.
func (r *monthReader) add(m *Month, instance string, month rollup.Month) {
	days := month.Days()
	if r.upTo.Month() == m.Month {
		days &= 1<<r.upTo.DayOfMonth() - 1
	}
	if days == 0 {
		return // days of a wrong clock alone
	}
	m.Days |= days
	hash := maphash.String(r.seed, instance)
	if _, known := r.first[hash]; !known {
		r.first[hash] = m.Month.First() + rollup.Date(days.First()-1)
		r.newcomer(r.first[hash], instance)
	}
	for f, value := range figuresOfMonth(month) {
		m.Totals[f] += value
		if Figure(f) != Clusters {
			m.Top[f] = addHolder(m.Top[f], Holder{instance, value, r.first[hash]})
		}
	}
}

// firstSeen returns the first day of an instance, 0 if it has nothing of any figure.
func (r *monthReader) firstSeen(instance string) rollup.Date {
	return r.first[maphash.String(r.seed, instance)]
}

func (r *monthReader) newcomer(date rollup.Date, instance string) {
	n := r.new[date]
	if n == nil {
		n = new(Newcomers)
		r.new[date] = n
	}
	n.Count++
	if i, _ := slices.BinarySearch(n.Examples, instance); i < MaxExamples {
		n.Examples = slices.Insert(n.Examples[:min(len(n.Examples), MaxExamples-1)], i, instance)
	}
}

// addHolder adds a cluster to the largest ones, if it is one of them.
func addHolder(top []Holder, h Holder) []Holder {
	i, _ := slices.BinarySearchFunc(top, h, func(a, b Holder) int {
		return cmp.Or(cmp.Compare(b.Value, a.Value), strings.Compare(a.Instance, b.Instance))
	})
	if i == topHolders {
		return top
	}
	return slices.Insert(top[:min(len(top), topHolders-1)], i, h)
}

// facts returns what was read, from the first month that has anything.
func (r *monthReader) facts() (f Facts) {
	for len(r.months) > 0 && r.months[0].Days == 0 {
		r.months = r.months[1:]
	}
	if len(r.months) == 0 {
		return f
	}
	f.Months = r.months
	for _, m := range f.Months {
		if m.Days != 0 {
			f.Today = m.Month.First() + rollup.Date(m.Days.Last()-1)
		}
	}
	first := f.firstDay()
	f.New = make([]Newcomers, f.Today-first+1)
	for date, n := range r.new {
		f.New[date-first] = *n
	}
	f.Months = f.Months[:f.Today.Month()-f.Months[0].Month+1]
	return f
}

// firstDay is the first one with a report, of those that were read.
func (f Facts) firstDay() rollup.Date {
	return f.Months[0].Month.First() + rollup.Date(f.Months[0].Days.First()-1)
}

// figuresOfMonth returns what an instance has in a month. Applications are the most of
// one report, tenants included.
func figuresOfMonth(m rollup.Month) (v Figures) {
	for _, mm := range m.Metrics {
		v.take(mm.Metric, mm.Peak)
	}
	for _, p := range m.Peaks {
		if isTenants(p.Series) {
			v[Tenants] = max(v[Tenants], p.Peak)
		}
	}
	return v
}

// take takes the peak of one report's sum of a metric.
func (v *Figures) take(metric string, peak float64) {
	switch metric {
	case rollup.MetricInfo:
		v[Clusters] = 1
	case rollup.MetricNodes:
		v[Nodes] = peak
	case rollup.MetricApplications:
		v[Apps] = peak
	case rollup.MetricTenants:
		v[Tenants] = max(v[Tenants], peak)
	}
}

// isTenants tells whether a series counts tenants as clients since v1.0 do.
func isTenants(s rollup.Series) bool {
	// The first two are cheap, and nearly all series fail them.
	return strings.HasPrefix(string(s), rollup.MetricApplications) &&
		strings.Contains(string(s), rollup.LabelKind+`="`+rollup.KindTenant+`"`) &&
		s.Label(rollup.LabelKind) == rollup.KindTenant
}
