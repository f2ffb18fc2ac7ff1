package census

import (
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// life is what all months together know of a cluster.
type life struct {
	// first and last are the days on which it was seen first and last.
	first, last rollup.Date
	// firstMonth and lastMonth are those of the days, and early is on how many days it was
	// seen in the first one and the next.
	firstMonth, lastMonth rollup.MonthID
	early                 int
	// steady is set once it was seen on enough days of two months, one after the other.
	steady bool
	// stints are the releases that it ran, one after the other.
	stints []stint
	// of the last month that was walked
	lastDays int
	lastHour int32
}

// stint says that a cluster ran a release from a day on.
type stint struct {
	version uint32
	from    rollup.Date
}

// lives walks all months. Clusters that were never seen have a zero life.
func (c *Census) lives() []life {
	all := make([]life, len(c.held.clusters.texts))
	for id := c.held.oldest; c.held.all[id] != nil; id++ {
		m := c.held.all[id]
		steps := m.steps
		for _, row := range m.rows {
			n := 0
			for n < len(steps) && steps[n].cluster == row.cluster {
				n++
			}
			all[row.cluster].live(id, row.days, steps[:n], c.cfg.ConfirmDays)
			steps = steps[n:]
		}
	}
	return all
}

// live adds a month, after all those before it.
func (l *life) live(id rollup.MonthID, days rollup.DaySet, steps []step, confirmDays int) {
	n := days.Len()
	together := n
	if l.lastMonth == id-1 {
		together += l.lastDays
	}
	if l.firstMonth == 0 {
		l.first, l.firstMonth = dayIn(id, days.First()), id
	}
	if id-l.firstMonth <= 1 {
		l.early += n
	}
	l.steady = l.steady || together >= confirmDays
	l.last, l.lastMonth, l.lastDays = dayIn(id, days.Last()), id, n
	for _, s := range steps {
		l.run(id, days, s)
	}
}

func dayIn(id rollup.MonthID, dayOfMonth int) rollup.Date {
	return id.First() + rollup.Date(dayOfMonth-1)
}

// run adds that the cluster ran a release until some hour. It has run it since the first of
// its days after the hour in which it last reported the one before.
func (l *life) run(id rollup.MonthID, days rollup.DaySet, s step) {
	hour := int32(id.First())*24 + int32(s.hour)
	if n := len(l.stints); n == 0 || l.stints[n-1].version != s.version {
		from := dayIn(id, days.First())
		if n > 0 {
			from = max(from, firstSince(id, days, rollup.Date((l.lastHour+1)/24)))
		}
		l.stints = append(l.stints, stint{s.version, from})
	}
	l.lastHour = hour
}

// firstSince returns the first of the days that is not before one, or the last of them.
func firstSince(id rollup.MonthID, days rollup.DaySet, since rollup.Date) rollup.Date {
	for day := range id.Days() {
		if date := id.First() + rollup.Date(day); days&rollup.DaySetOf(day+1) != 0 && date >= since {
			return date
		}
	}
	return dayIn(id, days.Last())
}
