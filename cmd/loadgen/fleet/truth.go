package fleet

import "slices"

// Figures are what a server must show after it has seen a set of reports.
type Figures struct {
	// Month is the month of the reports, "2006-01".
	Month        string `json:"month"`
	Clusters     int64  `json:"clusters"`
	TotalNodes   int64  `json:"total_nodes"`
	TotalTenants int64  `json:"total_tenants"`
	// Apps has the applications above 0 only.
	Apps map[string]int64 `json:"apps"`
}

// Truth counts a set of reports by the rules of the published figures: a
// cluster counts if it was seen at all, and with the peaks it had. Adding a
// report twice changes nothing, nor does the order. The zero Truth has seen
// nothing. It is not safe for concurrent use.
type Truth struct{ clusters map[int]*seen }

// seen is what is known of one cluster.
type seen struct {
	// days are those with a report that had cozy_cluster_info; sorted.
	days []int
	// nodes is the peak of one report's sum, kernels are the series' own peaks.
	nodes      int64
	kernels    [generations]int64
	oldTenants int64
	kinds      [len(kinds)]int64
}

// Add tells of one report that a server has accepted, and on which day. Days
// may be counted from anywhere.
func (t *Truth) Add(c *Cluster, client Client, step, day int) {
	s := t.of(c.index)
	if c.HasNodes(client) {
		s.addDay(day)
		s.nodes = max(s.nodes, c.Nodes(step))
		for i, n := range c.nodes(step) {
			s.kernels[i] = max(s.kernels[i], n)
		}
	}
	switch {
	case client != Controller:
	case c.v0:
		s.oldTenants = max(s.oldTenants, c.oldTenants(step))
	default:
		c.eachKind(step, func(kind int, count int64) { s.kinds[kind] = max(s.kinds[kind], count) })
	}
}

func (t *Truth) of(index int) *seen {
	if t.clusters == nil {
		t.clusters = make(map[int]*seen)
	}
	s := t.clusters[index]
	if s == nil {
		s = new(seen)
		t.clusters[index] = s
	}
	return s
}

func (s *seen) addDay(day int) {
	if i, found := slices.BinarySearch(s.days, day); !found {
		s.days = slices.Insert(s.days, i, day)
	}
}

// Merge adds what another truth of the same fleet has seen: that of another
// month gives the distinct count over both, if the days of both are counted
// from the same one.
func (t *Truth) Merge(o *Truth) {
	for index, from := range o.clusters {
		s := t.of(index)
		for _, day := range from.days {
			s.addDay(day)
		}
		s.nodes = max(s.nodes, from.nodes)
		s.oldTenants = max(s.oldTenants, from.oldTenants)
		for i, n := range from.kernels {
			s.kernels[i] = max(s.kernels[i], n)
		}
		for i, n := range from.kinds {
			s.kinds[i] = max(s.kinds[i], n)
		}
	}
}

// Figures returns the figures of all that was seen, under the name of a month.
func (t *Truth) Figures(month string) Figures {
	f := Figures{Month: month, Clusters: t.Confirmed(1), Apps: make(map[string]int64)}
	for _, s := range t.clusters {
		tenants := max(s.kinds[tenantKind], s.oldTenants)
		f.TotalNodes += s.nodes
		f.TotalTenants += tenants
		for kind, peak := range s.kinds {
			if kind == tenantKind {
				peak = tenants // clients before v1.0 count them, but not as an application
			}
			if peak > 0 {
				f.Apps[kinds[kind].app] += peak
			}
		}
	}
	return f
}

// Confirmed counts the clusters that were seen on at least so many days.
func (t *Truth) Confirmed(days int) int64 {
	return t.count(func(s *seen) bool { return len(s.days) >= days })
}

// Upgraded counts the clusters that were seen with two kernels.
func (t *Truth) Upgraded() int64 {
	return t.count(func(s *seen) bool { return s.kernels[0] > 0 && s.kernels[1] > 0 })
}

func (t *Truth) count(of func(*seen) bool) (n int64) {
	for _, s := range t.clusters {
		if of(s) {
			n++
		}
	}
	return n
}

// NodesUpper returns the nodes that are counted if the peaks of each cluster's
// series are added up, instead of taking the peak of one report's sum: too many
// once a kernel was upgraded.
func (t *Truth) NodesUpper() (n int64) {
	for _, s := range t.clusters {
		n += s.kernels[0] + s.kernels[1]
	}
	return n
}
