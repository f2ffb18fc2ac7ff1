package product

import (
	"maps"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The figures of sessions, beside those of the table.
const (
	SessionsMean    = "sessions_per_day_mean"
	SessionsHighest = "sessions_per_day_highest"
)

// Figures are what a month, or a window of months, shows of a product.
type Figures struct {
	// Instances is how many have reported; of a product of sessions, those of each day
	// added up, for nobody can tell them apart beyond it.
	Instances int64
	// Days is on how many days any has.
	Days int
	// Metrics are numbers by the names of their figures. What can't be known, such as the
	// median of nothing, is not there.
	Metrics map[string]float64
	// Shares are counts of instances by figure and value.
	Shares map[string]map[string]int64
}

// Tally makes figures of the months of all instances. Months of several calendar months
// make the figures of their window, in which each instance counts once: with the highest
// of its gauges, the mean over all its days, the sum of what is added up, and the version
// that it had last. Sessions are of one day, so a window of them has more of them, and
// nothing that is joined.
//
// The order does not matter. It may not be used concurrently, and keeps some 60 bytes for
// each series that a figure is made of.
type Tally struct {
	product Product
	// shown numbers the metrics that figures are made of.
	shown    map[string]int
	counters []*counter
	// units are the instances.
	units map[string][]sight
	// sessions are how many there were by day, days on which days instances reported.
	sessions map[rollup.Date]int64
	days     map[rollup.MonthID]rollup.DaySet
}

// NewTally returns a tally without any instance.
func NewTally(p Product) *Tally {
	t := &Tally{
		product:  p,
		shown:    make(map[string]int),
		units:    make(map[string][]sight),
		sessions: make(map[rollup.Date]int64),
		days:     make(map[rollup.MonthID]rollup.DaySet),
	}
	for _, f := range p.Figures {
		t.counters = append(t.counters, newCounter(f, p.kindOf(f.Of), t.number(f.Of), t.number(f.Beside)))
	}
	return t
}

// number returns a metric's number, and gives it one; -1 for none.
func (t *Tally) number(name string) int {
	if name == "" {
		return -1
	}
	metric := t.product.metric(name)
	if _, ok := t.shown[metric]; !ok {
		t.shown[metric] = len(t.shown)
	}
	return t.shown[metric]
}

// kindOf returns the kind of a metric's field.
func (p Product) kindOf(metric string) Kind {
	i := slices.IndexFunc(p.Fields, func(f Field) bool { return f.Metric == metric })
	if i < 0 {
		return Gauge
	}
	return p.Fields[i].Kind
}

// Add takes one instance's month. Each month of an instance is added once.
func (t *Tally) Add(id rollup.MonthID, m rollup.InstanceMonth) {
	t.days[id] |= m.Month.Days()
	t.units[m.Instance] = mergeSights(t.units[m.Instance], t.sights(id, m.Month))
}

// AddSession takes one session's day, for a product of sessions.
func (t *Tally) AddSession(date rollup.Date, d rollup.Day) {
	t.sessions[date]++
	t.days[date.Month()] |= rollup.DaySetOf(date.DayOfMonth())
	t.count(t.sights(date.Month(), rollup.FromDay(date.DayOfMonth(), d)))
}

// Figures returns what was counted. Nothing may be added afterwards.
func (t *Tally) Figures() Figures {
	for _, seen := range t.units {
		t.count(seen)
	}
	f := Figures{
		Instances: int64(len(t.units)),
		Metrics:   make(map[string]float64),
		Shares:    make(map[string]map[string]int64),
	}
	for _, days := range t.days {
		f.Days += days.Len()
	}
	for _, c := range t.counters {
		c.show(f)
	}
	if t.product.Sessions {
		t.showSessions(&f)
	}
	return f
}

func (t *Tally) showSessions(f *Figures) {
	var highest int64
	for n := range maps.Values(t.sessions) {
		f.Instances += n
		highest = max(highest, n)
	}
	f.Metrics[SessionsHighest] = float64(highest)
	if len(t.sessions) > 0 {
		f.Metrics[SessionsMean] = float64(f.Instances) / float64(len(t.sessions))
	}
}

// count shows one instance to all figures.
func (t *Tally) count(seen []sight) {
	for _, c := range t.counters {
		c.take(seen)
	}
}

// sight is what a window knows of one series of an instance.
type sight struct {
	series rollup.Series
	metric int
	peak   float64
	// total adds up the slots, and slots is how many there are.
	total float64
	slots int
	// last is the hour last seen, and grows from month to month.
	last int
}

// monthHours is more hours than a month has.
const monthHours = 31 * 24

// sights returns the series of a month that figures are made of, sorted.
func (t *Tally) sights(id rollup.MonthID, m rollup.Month) (seen []sight) {
	for _, p := range m.Peaks {
		metric, shown := t.shown[p.Series.Metric()]
		if !shown {
			continue
		}
		s := sight{series: p.Series, metric: metric, peak: p.Peak, slots: len(p.Slots), last: int(id)*monthHours + int(p.Seen)}
		for _, slot := range p.Slots {
			s.total += slot.Value
		}
		seen = append(seen, s)
	}
	return seen
}

// mergeSights joins what two parts of a window know of an instance.
func mergeSights(a, b []sight) []sight {
	if len(a) == 0 {
		return b
	}
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y sight) int { return strings.Compare(string(x.series), string(y.series)) })
	out := all[:1]
	for _, s := range all[1:] {
		last := &out[len(out)-1]
		if last.series != s.series {
			out = append(out, s)
			continue
		}
		last.peak, last.last = max(last.peak, s.peak), max(last.last, s.last)
		last.total, last.slots = last.total+s.total, last.slots+s.slots
	}
	return out
}
