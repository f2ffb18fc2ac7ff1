package exclude

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Cluster is one that was chosen, with what the file has of it.
type Cluster struct {
	ID string `json:"cluster"`
	// FirstSeen is the day of its first report; empty if the file has none.
	FirstSeen string `json:"first_seen,omitempty"`
	Days      int    `json:"days"`
	Nodes     int64  `json:"nodes"`
}

// seen is what all months say of a cluster.
type seen struct {
	first rollup.Date
	days  int
	nodes float64
	like  bool
}

func (s seen) cluster(id string) Cluster {
	c := Cluster{ID: id, Days: s.days, Nodes: int64(s.nodes)}
	if s.days > 0 {
		c.FirstSeen = s.first.String()
	}
	return c
}

// choose returns the clusters that a request asks for, sorted: of those that are not
// excluded yet or, to include, of those that are. One that is named may be unknown.
func (e *Excluder) choose(ctx context.Context, r Request, include bool) ([]Cluster, error) {
	when, err := r.check()
	if err != nil {
		return nil, usage{err}
	}
	all, err := e.look(ctx, r.product(), r.Like)
	if err != nil {
		return nil, err
	}
	names, err := r.named(func() ([]byte, error) { return e.Store.IdentityKey(ctx) })
	if err != nil {
		return nil, err
	}
	switch {
	case len(names) > 0:
	case include:
		names = e.Store.Exclusions(r.product()).Instances
	default:
		for id := range all {
			names = append(names, id)
		}
	}
	early, err := e.outside(ctx, r.product(), when, all)
	if err != nil {
		return nil, err
	}
	chosen := []Cluster{}
	for _, id := range slices.Compact(slices.Sorted(slices.Values(names))) {
		_, excluded := slices.BinarySearch(e.Store.Exclusions(r.product()).Instances, id)
		if s := all[id]; excluded == include && s.meets(r, when) && !early[id] {
			chosen = append(chosen, s.cluster(id))
		}
	}
	return chosen, nil
}

// meets tells whether a cluster has what a request says. Who was never seen has nothing.
func (s seen) meets(r Request, when span) bool {
	if !r.hasCriteria() {
		return true
	}
	return s.days > 0 &&
		hourOf(s.first, 23) >= when.from && hourOf(s.first, 0) <= when.to &&
		(r.MaxDays == 0 || s.days <= r.MaxDays) &&
		s.nodes >= float64(r.MinNodes) &&
		(r.Like == "" || s.like)
}

// outside returns the clusters that came on the first day of a span before its hour, or
// on the last one after it. Of a day whose records were removed nobody knows the hour.
func (e *Excluder) outside(ctx context.Context, product string, when span, all map[string]seen) (map[string]bool, error) {
	out := make(map[string]bool)
	for _, at := range []hour{when.from, when.to} {
		date := rollup.Date(at / 24)
		if at == 0 || at == endOfTime {
			continue
		}
		err := e.Store.InstancesOf(ctx, product, date, func(id string, d rollup.Day) error {
			if first := hourOf(date, int(d.First)); all[id].first == date && (first < when.from || first > when.to) {
				out[id] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// look goes over all months, one at a time: memory grows with the clusters alone.
func (e *Excluder) look(ctx context.Context, product, like string) (map[string]seen, error) {
	all := make(map[string]seen)
	first, ok, err := e.Store.FirstMonth(product)
	if err != nil {
		return nil, err
	}
	seed := maphash.MakeSeed()
	for month := first; ok && month <= e.lastMonth(); month++ {
		if err := e.lookAt(ctx, product, month, all, seed, like); err != nil {
			return nil, err
		}
	}
	if _, known := all[like]; like != "" && !known {
		return nil, usage{fmt.Errorf("like: the file has no report of %s", like)}
	}
	return all, nil
}

// lookAt adds a month to what is known of all clusters.
func (e *Excluder) lookAt(ctx context.Context, product string, month rollup.MonthID, all map[string]seen, seed maphash.Seed, like string) error {
	prints := make(map[string]uint64)
	err := e.Store.FoldAll(ctx, product, month, month, nil, func(id string, months []rollup.Month) error {
		s, m := all[id], months[0]
		if s.days == 0 {
			s.first = month.First() + rollup.Date(m.Days().First()) - 1
		}
		s.days += m.Days().Len()
		s.nodes = max(s.nodes, nodesOf(m))
		all[id] = s
		if like != "" {
			prints[id] = fingerprint(seed, m)
		}
		return nil
	})
	want, ok := prints[like]
	if err != nil || !ok {
		return err
	}
	for id, print := range prints {
		s := all[id]
		s.like = s.like || print == want
		all[id] = s
	}
	return nil
}

// lastMonth is the last one that may have reports: a clock may have been ahead.
func (e *Excluder) lastMonth() rollup.MonthID { return rollup.MonthOf(e.Now()) + 1 }

func nodesOf(m rollup.Month) float64 {
	for _, mm := range m.Metrics {
		if mm.Metric == rollup.MetricNodes {
			return mm.Peak
		}
	}
	return 0
}

// fingerprint is the same for two clusters with the same series in a month.
func fingerprint(seed maphash.Seed, m rollup.Month) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, p := range m.Peaks {
		_, _ = h.WriteString(string(p.Series)) // a hash takes all
		_ = h.WriteByte('\n')
	}
	return h.Sum64()
}

// firstSeen returns the first month of any of some clusters; ok is false if none was seen.
func firstSeen(chosen []Cluster) (month rollup.MonthID, ok bool) {
	days := slices.DeleteFunc(slices.Clone(chosen), func(c Cluster) bool { return c.FirstSeen == "" })
	if len(days) == 0 {
		return 0, false
	}
	first := slices.MinFunc(days, func(a, b Cluster) int { return cmp.Compare(a.FirstSeen, b.FirstSeen) })
	date, err := rollup.ParseDate(first.FirstSeen)
	return date.Month(), err == nil
}
