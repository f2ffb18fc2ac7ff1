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
	// nodes is of one report's sum, kernels are the series' own peaks.
	nodes      highest
	kernels    []kernel
	oldTenants highest
	kinds      [len(kinds)]highest
}

// kernel is one that nodes had, by its number in the fleet, and how many at most.
type kernel struct {
	number int
	nodes  int64
}

func (s *seen) addKernel(number int, nodes int64) {
	i := slices.IndexFunc(s.kernels, func(k kernel) bool { return k.number == number })
	if i < 0 {
		s.kernels = append(s.kernels, kernel{number, nodes})
		return
	}
	s.kernels[i].nodes = max(s.kernels[i].nodes, nodes)
}

// highest has the values of the two highest days; a month of many clusters has many of
// them, so they are small. Days that are less than 2^16 apart are told apart.
type highest struct {
	peak, second       int32
	peakDay, secondDay uint16
}

func (h *highest) add(value int32, day uint16) {
	switch {
	case day == h.peakDay:
		h.peak = max(h.peak, value)
	case value > h.peak:
		*h = highest{value, h.peak, day, h.peakDay}
	case day == h.secondDay:
		h.second = max(h.second, value)
	case value > h.second:
		h.second, h.secondDay = value, day
	}
}

func (h *highest) merge(o highest) {
	h.add(o.peak, o.peakDay)
	h.add(o.second, o.secondDay)
}

func peak(h highest) int64   { return int64(h.peak) }
func second(h highest) int64 { return int64(h.second) }

// Add tells of one report that a server has accepted, and on which day. Days
// may be counted from anywhere.
func (t *Truth) Add(c *Cluster, client Client, step, day int) {
	s := t.of(c.index)
	if c.HasNodes(client) {
		s.addDay(day)
		s.nodes.add(int32(c.Nodes(step)), uint16(day))
		c.eachKernel(step, s.addKernel)
	}
	switch {
	case client != Controller:
	case c.v0:
		s.oldTenants.add(int32(c.oldTenants(step)), uint16(day))
	default:
		c.eachKind(step, func(kind int, count int64) { s.kinds[kind].add(int32(count), uint16(day)) })
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
		s.nodes.merge(from.nodes)
		s.oldTenants.merge(from.oldTenants)
		for _, k := range from.kernels {
			s.addKernel(k.number, k.nodes)
		}
		for i, h := range from.kinds {
			s.kinds[i].merge(h)
		}
	}
}

// Figures returns the figures of all that was seen, under the name of a month.
func (t *Truth) Figures(month string) Figures { return t.figures(month, 0, peak) }

// ConfirmedFigures returns those of the clusters that were seen on at least so many
// days, each with its second-highest day.
func (t *Truth) ConfirmedFigures(month string, days int) Figures {
	return t.figures(month, days, second)
}

func (t *Truth) figures(month string, days int, value func(highest) int64) Figures {
	f := Figures{Month: month, Clusters: t.Confirmed(max(days, 1)), Apps: make(map[string]int64)}
	for _, s := range t.clusters {
		if len(s.days) < days {
			continue
		}
		tenants := max(value(s.kinds[tenantKind]), value(s.oldTenants))
		f.TotalNodes += value(s.nodes)
		f.TotalTenants += tenants
		for kind, h := range s.kinds {
			n := value(h)
			if kind == tenantKind {
				n = tenants // clients before v1.0 count them, but not as an application
			}
			if n > 0 {
				f.Apps[kinds[kind].app] += n
			}
		}
	}
	return f
}

// Confirmed counts the clusters that were seen on at least so many days.
func (t *Truth) Confirmed(days int) int64 {
	return t.count(func(s *seen) bool { return len(s.days) >= days })
}

// Upgraded counts the clusters that were seen with more than one kernel.
func (t *Truth) Upgraded() int64 {
	return t.count(func(s *seen) bool { return len(s.kernels) > 1 })
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
		for _, k := range s.kernels {
			n += k.nodes
		}
	}
	return n
}
