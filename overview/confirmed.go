package overview

import (
	"maps"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// telling returns confirmed figures that say something: where nobody is confirmed after
// fewer days with data than that takes, it is not known yet who will be.
func (o *Overview) telling(c *rollup.Confirmed) *rollup.Confirmed {
	if c == nil || c.Clusters == 0 && c.DaysWithData < o.cfg.ConfirmDays {
		return nil
	}
	return c
}

// meanConfirmed is the mean of the months that have confirmed figures, nil if none has.
func (o *Overview) meanConfirmed(data []rollup.Snapshot) *published.ConfirmedCounts {
	sum, days := sum{kinds: map[string]int64{}}, 0
	for _, s := range data {
		if c := o.telling(s.Confirmed); c != nil {
			sum.add(c.Clusters, c.TotalNodes, c.TotalTenants, c.Kinds)
			days += c.DaysWithData
		}
	}
	if sum.n == 0 {
		return nil
	}
	return &published.ConfirmedCounts{Counts: o.divided(sum), Months: int(sum.n), DaysWithData: days}
}

// distinctConfirmed are the confirmed figures of a window that was counted as one.
func (o *Overview) distinctConfirmed(f figures) *published.ConfirmedCounts {
	c := o.telling(f.confirmed)
	if c == nil {
		return nil
	}
	sum := sum{kinds: map[string]int64{}}
	sum.add(c.Clusters, c.TotalNodes, c.TotalTenants, c.Kinds)
	months := 0
	for _, clusters := range f.monthClusters {
		if clusters > 0 {
			months++
		}
	}
	return &published.ConfirmedCounts{Counts: o.divided(sum), Months: months, DaysWithData: c.DaysWithData}
}

// public returns the period with the counts that were asked for. Where there are no
// confirmed ones, it keeps those that were seen, and says so.
func (b *builder) public(w window, p published.Period) published.Period {
	c := p.Confirmed
	if c == nil {
		return p
	}
	c.Complete = c.DaysWithData == w.length() && !b.cfg.Now().Before(w.end()) && b.seesAll(rollup.SourceRollups)
	if b.q.Publish == Confirmed {
		p.Counts, p.Months, p.Complete = c.Counts, c.Months, c.Complete
		p.Source, p.Published = rollup.SourceRollups, Confirmed
	}
	return p
}

// young tells whether fewer days of a window have passed than it takes to be confirmed.
// Its confirmed clusters are then those of the month before.
func (w window) young(now time.Time, confirmDays int) bool {
	passed := w.end()
	if now.Before(passed) {
		passed = now
	}
	return passed.Before(w.start().AddDate(0, 0, confirmDays))
}

// reach is the window that is read to count w. Only a month can be young and have
// confirmed clusters: it takes less days than a month has.
func (w window) reach(now time.Time, confirmDays int) window {
	if w.from == w.to && w.young(now, confirmDays) {
		return lastMonths(w.to, 2)
	}
	return w
}

// confirmed returns what was added up of confirmed clusters, nil where the tables do not
// tell: where they have no day at all, or do not know which days their values are of.
func (t *tally) confirmed(days int, tables []*table) *rollup.Confirmed {
	for _, table := range tables {
		for _, m := range table.months {
			if m.dateless {
				return nil
			}
		}
	}
	if days == 0 {
		return nil
	}
	kinds := t.byKind()
	maps.DeleteFunc(kinds, func(_ string, n int64) bool { return n == 0 }) // seen on one day alone
	return &rollup.Confirmed{
		Clusters: t.clusters, TotalNodes: round(t.nodes), TotalTenants: round(t.tenants),
		Kinds: kinds, DaysWithData: days,
	}
}

// young counts the confirmed clusters of a month that is too young to have its own:
// those of the month before that were seen in this one. Each counts with its peak, but
// with no more than its second-highest day of both months.
func (b *book) young(before, own *table, days, confirmDays int) *rollup.Confirmed {
	t := b.tally(ofSecond)
	var then, now, both entry
	for i := range own.spans {
		earlier, entry := before.at(i), own.at(i)
		if len(earlier) == 0 || len(entry) == 0 {
			continue
		}
		then.reset()
		then.merge(earlier)
		now.reset()
		now.merge(entry)
		if then.days < confirmDays || now.days == 0 {
			continue
		}
		both.reset()
		both.merge(earlier)
		both.merge(entry)
		now.bound(&both)
		t.add(&now)
	}
	return t.confirmed(days, []*table{before, own})
}

// bound makes the second-highest values those of the peaks, but no more than the
// second-highest of an entry that has all days of e and more.
func (e *entry) bound(all *entry) {
	e.nodes.second = min(e.nodes.peak, all.nodes.second)
	rest := all.peaks
	for i := range e.peaks {
		p := &e.peaks[i]
		for rest[0].series != p.series {
			rest = rest[1:]
		}
		p.second = min(p.peak, rest[0].second)
	}
}
