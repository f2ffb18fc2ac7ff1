package anomaly

import (
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var january = rollup.NewMonth(2026, time.January)

// months returns months of a fleet, with the same days and totals in each, up to a day.
func months(n int, totals Figures) Facts {
	var f Facts
	for i := range rollup.MonthID(n) {
		f.Months = append(f.Months, Month{Month: january + i, Days: 1<<31 - 1, Totals: totals})
	}
	f.Today = f.Months[n-1].Month.First() + 19
	f.New = make([]Newcomers, f.Today-january.First()+1)
	return f
}

func TestNothingIsFoundInNothing(t *testing.T) {
	if found := Find(Facts{}); len(found) != 0 {
		t.Error(found)
	}
	if found := Find(months(1, Figures{})); len(found) != 0 {
		t.Error(found)
	}
}

// Who has a large part is found until it has had half of it for two months.
func TestShareIsKnownAfterTwoMonths(t *testing.T) {
	for name, c := range map[string]struct {
		before []float64 // the cluster's nodes in the months before, of 1000
		total  float64
		first  int // the day on which it was first seen
		found  bool
	}{
		"new":                     {[]float64{0, 0}, 1000, 70, true},
		"of last month":           {[]float64{0, 300}, 1000, 40, true},
		"known":                   {[]float64{300, 300}, 1000, 10, false},
		"known, and has grown":    {[]float64{150, 200}, 1000, 10, false},
		"known, and has exploded": {[]float64{100, 100}, 1000, 10, true},
		"there from the start":    {nil, 1000, 2, false},
		"of the first month":      {nil, 1000, 12, true},
		"a small part":            {[]float64{0, 0}, 1501, 70, false},
	} {
		totals := Figures{Clusters: 50, Nodes: c.total, Tenants: 10, Apps: 10}
		f := months(len(c.before)+1, totals)
		for i, nodes := range append(c.before, 300) {
			f.Months[i].Top[Nodes] = []Holder{{"large", nodes, january.First() + rollup.Date(c.first)}, {"small", 3, january.First()}}
		}
		found := largeShares(f)
		if (len(found) == 1) != c.found {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// A fleet in which somebody always has most of all is too small to tell.
func TestShareInASmallFleet(t *testing.T) {
	f := months(3, Figures{Clusters: 19, Nodes: 1000})
	f.Months[2].Top[Nodes] = []Holder{{Instance: "large", Value: 900}}
	if found := Find(f); len(found) != 0 {
		t.Error(found)
	}
}

// A month is held against what those before it grow to.
func TestMonthOutOfItsHistory(t *testing.T) {
	for name, c := range map[string]struct {
		nodes []float64 // the last is of the month that is judged
		found bool
	}{
		"steady":                      {[]float64{3000, 3000, 3000, 3000}, false},
		"half as much again":          {[]float64{3000, 3000, 3000, 4600}, false},
		"twice":                       {[]float64{3000, 3000, 3000, 6000}, true},
		"doubles each month":          {[]float64{500, 1000, 2000, 4000, 8000}, false},
		"doubles, then eight times":   {[]float64{500, 1000, 2000, 4000, 32000}, true},
		"one month was made up":       {[]float64{3000, 3000, 3e6, 3000, 3000, 3e6}, true},
		"noisy":                       {[]float64{3000, 5000, 2500, 5500, 3000, 7000}, false},
		"too little before it":        {[]float64{3000, 3000, 1e6}, false},
		"falls":                       {[]float64{3000, 3000, 3000, 10}, false},
		"few":                         {[]float64{3, 3, 3, 190}, false},
		"not as few":                  {[]float64{3, 3, 3, 290}, true},
		"figures that were not known": {[]float64{0, 0, 0, 1000}, false},
	} {
		f := months(len(c.nodes), Figures{})
		for i, nodes := range c.nodes {
			f.Months[i].Totals[Nodes] = nodes
		}
		found := highMonths(f)
		if (len(found) == 1) != c.found || len(found) > 1 {
			t.Errorf("%s: %v", name, found)
		}
	}
}

// Months of which some days are known only say nothing.
func TestMonthsWithFewDaysAreNoHistory(t *testing.T) {
	f := months(4, Figures{Clusters: 10, Nodes: 10000})
	f.Months[3].Totals[Nodes] = 100000
	if len(highMonths(f)) != 1 {
		t.Error("whole months are no history")
	}
	f.Months[1].Days = 1<<10 - 1
	if found := highMonths(f); len(found) != 0 {
		t.Error(found)
	}
}

// No id is taken for a flag.
func TestCommandOfIDs(t *testing.T) {
	for want, got := range map[string]string{
		"cozy-telemetry-server exclude a b":          exclude([]string{"a", "b"}),
		"cozy-telemetry-server exclude -- a --apply": exclude([]string{"a", "--apply"}),
		"cozy-telemetry-server exclude --like=--apply --first-seen-from 2026-01-01 --first-seen-to 2026-01-02": excludeLike("--apply", january.First(), january.First()+1),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Every kind has findings, whose keys stay while what they are about grows.
func TestKeys(t *testing.T) {
	keys := make(map[string]bool)
	for _, kind := range Kinds() {
		f := Finding{Kind: kind, When: "2026-01", Figure: "nodes", Found: 1, Examples: []string{"a", "b"}}
		key := f.Key()
		f.Found, f.What = 2, "more"
		if f.Key() != key || keys[key] || !strings.HasPrefix(key, string(kind)) {
			t.Errorf("%s has the keys %q and %q", kind, key, f.Key())
		}
		keys[key] = true
	}
}
