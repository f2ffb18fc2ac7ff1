package layout

import (
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Limits are what the writer keeps out of records. They belong to its goroutine.
type Limits struct {
	Bounds      rollup.Bounds
	BoundsOf    map[string]rollup.Bounds // of the products that have others
	Dictionary  int                      // 0 means no bound
	Lasting     []string
	Known       map[rollup.Series]struct{}
	ConfirmDays int
	// LeftOut counts the series that the transaction at hand has left out.
	LeftOut int
}

// of returns the bounds of a product. Kinds of applications are cozystack's.
func (l *Limits) of(product string) rollup.Bounds {
	b, ok := l.BoundsOf[product]
	if !ok {
		b = l.Bounds
	}
	if product != rollup.Cozystack {
		b.Kinds = 0
	}
	return b
}

// day returns what is kept of a day.
func (l *Limits) day(d rollup.Day, p Partition) rollup.Day {
	before := len(d.Points)
	d, _ = d.Bound(p.bounds)
	if name := l.room(p, len(d.Points)); name != nil {
		d = d.Rename(name)
	}
	l.LeftOut += before - len(d.Points)
	return d
}

// month returns what is kept of a month. Its series are those of days, which were
// counted there.
func (l *Limits) month(m rollup.Month, p Partition) rollup.Month {
	m, _ = m.Bound(p.bounds)
	if name := l.room(p, len(m.Peaks)); name != nil {
		m = m.Rename(name)
	}
	return m
}

// room returns under which names a dictionary takes n series; nil if it has room for all,
// whichever they are. Its last part is for those that are kept. The bare names of metrics
// are not counted: there are no more of them than series.
func (l *Limits) room(p Partition, n int) func(rollup.Series) (rollup.Series, bool) {
	left := l.Dictionary - p.Dict.Len()
	anybody := left - l.Dictionary/keptShare
	if l.Dictionary == 0 || n <= anybody {
		return nil
	}
	return func(s rollup.Series) (rollup.Series, bool) {
		switch {
		case p.Dict.Has(s):
			return s, true
		case anybody > 0, left > 0 && l.keeps(p, s):
			anybody, left = anybody-1, left-1
			return s, true
		}
		metric := s.Metric()
		return rollup.Series(metric), slices.Contains(l.Lasting, metric)
	}
}

// keeps tells whether there shall be room for a series.
func (l *Limits) keeps(p Partition, s rollup.Series) bool {
	_, ok := l.Known[s]
	if !ok {
		_, ok = p.kept()[s]
	}
	return ok
}
