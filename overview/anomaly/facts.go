package anomaly

import (
	"context"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Store is what is read of a file.
type Store interface {
	// FirstMonth returns the first month that has any rollup of a product; ok is false
	// while there is none.
	FirstMonth(product string) (month rollup.MonthID, ok bool, err error)
	// Fold calls fn once for every instance of a product that has any of the metrics
	// between two months, both included, in no particular order and never twice at the
	// same time. fn must not keep months or what they point to, except for the strings.
	// What is excluded from the figures is left out.
	Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
		fn func(instance string, months []rollup.Month) error) error
	// InstancesOf calls fn for every record of a day, also of what is excluded.
	InstancesOf(ctx context.Context, product string, date rollup.Date,
		fn func(instance string, day rollup.Day) error) error
	// Exclusions returns the instances of a product that are excluded.
	Exclusions(product string) rollup.Exclusions
}

// Figure is one of the published totals.
type Figure int

// The figures that findings are about.
const (
	Clusters Figure = iota
	Nodes
	Tenants
	Apps
	numFigures
)

// String returns the name of the figure.
func (f Figure) String() string { return [...]string{"clusters", "nodes", "tenants", "apps"}[f] }

// Figures has a value for each figure: of one cluster, or of all.
type Figures [numFigures]float64

// Facts are what is known of a fleet.
type Facts struct {
	// Today is the newest day that has a report.
	Today rollup.Date
	// Months are the last ones up to today's, ascending and without gaps.
	Months []Month
	// New are the instances seen for the first time, by day, from the first day with a
	// report up to Today.
	New []Newcomers
	// Days are Today and the day before it.
	Days []Day
	// Usual are days of the weeks before. They are read only where groups of Days are
	// large enough to be compared.
	Usual []Day
	// Traffic is what a running server has counted lately.
	Traffic Traffic
}

// Month is what is known of a month.
type Month struct {
	Month rollup.MonthID
	// Days are those on which anything was reported.
	Days   rollup.DaySet
	Totals Figures
	// Top are the clusters with the most of each figure, descending.
	Top [numFigures][]Holder
}

// Holder is a cluster with its part of a figure, and the day it was first seen.
type Holder struct {
	Instance string
	Value    float64
	First    rollup.Date
}

// Newcomers are the instances that were seen for the first time on a day.
type Newcomers struct {
	Count int
	// Examples are the first MaxExamples of them, in the order of their names.
	Examples []string
}

// Day is what is known of a day.
type Day struct {
	Date   rollup.Date
	Totals Figures
	// Groups are clusters that have reported the same: those with the largest part of
	// any figure, largest first.
	Groups []Group
}

// Group is some clusters that have reported the same series with the same values.
type Group struct {
	// Count is how many there are, Each what each of them has, and Example one of them.
	Count   int
	Each    Figures
	Example string
	// From and To are the days on which the first and the last of them was seen for the
	// first time.
	From, To rollup.Date
}

// part returns how much of a day's total the group has, 0 to 1.
func (g Group) part(d Day, f Figure) float64 {
	return share(float64(g.Count)*g.Each[f], d.Totals[f])
}

// Traffic is what a running server has counted. The zero Traffic is none.
type Traffic struct {
	Since time.Time
	// Span is how long it was counted.
	Span time.Duration
	// Taken are reports that were taken; Refused those that were not, by reason.
	Taken   int64
	Refused map[string]int64
	// Stored are the samples of reports that were taken, LeftOut the series that were not
	// kept because of a bound.
	Stored, LeftOut int64
}

// Gather reads the facts of a file up to a day. Later days, of a wrong clock, are not
// looked at. Traffic stays empty. Facts of a file without a report have no months.
func Gather(ctx context.Context, s Store, upTo rollup.Date) (Facts, error) {
	months, err := readMonths(ctx, s, upTo)
	if err != nil {
		return Facts{}, err
	}
	f := months.facts()
	if len(f.Months) == 0 {
		return f, nil
	}
	for date := f.Today; date > f.Today-recentDays; date-- {
		d, err := gatherDay(ctx, s, months.firstSeen, date)
		if err != nil {
			return Facts{}, err
		}
		f.Days = append(f.Days, d)
	}
	if !f.anyLargeGroup() {
		return f, nil
	}
	for week := range rollup.Date(usualWeeks) {
		d, err := gatherDay(ctx, s, months.firstSeen, f.Today-7*(week+1))
		if err != nil {
			return Facts{}, err
		}
		if d.Totals[Clusters] > 0 {
			f.Usual = append(f.Usual, d)
		}
	}
	return f, nil
}

// Find returns what is not usual, by kind.
func Find(f Facts) []Finding {
	var found []Finding
	if len(f.Months) > 0 {
		found = append(found, newIDs(f)...)
		found = append(found, largeShares(f)...)
		found = append(found, highMonths(f)...)
		found = append(found, alike(f)...)
	}
	return append(found, traffic(f.Traffic)...)
}

// lookBack is for how many days findings stay, so that who looks once a week sees all.
const lookBack = 7

// recentMonths are those of the days that are looked at, ascending, by their place.
func (f Facts) recentMonths() (places []int) {
	for i, m := range f.Months {
		if m.Month >= (f.Today - lookBack + 1).Month() {
			places = append(places, i)
		}
	}
	return places
}

// hasData tells whether anything was reported on a day.
func (f Facts) hasData(date rollup.Date) bool {
	i := int(date.Month() - f.Months[0].Month)
	return i >= 0 && i < len(f.Months) && f.Months[i].Days&rollup.DaySetOf(date.DayOfMonth()) != 0
}

// share returns a part of a total, 0 of none.
func share(part, total float64) float64 {
	if total <= 0 {
		return 0
	}
	return part / total
}
