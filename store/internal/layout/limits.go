package layout

import (
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Limits are what the writer keeps out of records. They belong to its goroutine.
type Limits struct {
	rollup.Bounds
	Dictionary int // 0 means no bound
	Lasting    []string
	// LeftOut counts the series that the transaction at hand has left out.
	LeftOut int
}

// day returns what is kept of a day.
func (l *Limits) day(d rollup.Day, dict *record.Dictionary) rollup.Day {
	before := len(d.Points)
	d, _ = d.Bound(l.Bounds)
	if name := l.room(dict, len(d.Points)); name != nil {
		d = d.Rename(name)
	}
	l.LeftOut += before - len(d.Points)
	return d
}

// month returns what is kept of a month. Its series are those of days, which were
// counted there.
func (l *Limits) month(m rollup.Month, dict *record.Dictionary) rollup.Month {
	m, _ = m.Bound(l.Bounds)
	if name := l.room(dict, len(m.Peaks)); name != nil {
		m = m.Rename(name)
	}
	return m
}

// room returns under which names a full dictionary takes n series; nil if it has
// room for all. The bare names of metrics are not counted: there are no more of
// them than series.
func (l *Limits) room(dict *record.Dictionary, n int) func(rollup.Series) (rollup.Series, bool) {
	left := l.Dictionary - dict.Len()
	if l.Dictionary == 0 || n <= left {
		return nil
	}
	return func(s rollup.Series) (rollup.Series, bool) {
		if dict.Has(s) {
			return s, true
		}
		if left--; left >= 0 {
			return s, true
		}
		metric := s.Metric()
		return rollup.Series(metric), slices.Contains(l.Lasting, metric)
	}
}
