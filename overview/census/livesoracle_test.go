package census_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// byCluster returns the reports of each steady cluster: of those with seven days in two
// months, one after the other.
func byCluster(all []raw) (clusters [][]raw) {
	of := make(map[int][]raw)
	for _, r := range all {
		of[r.cluster] = append(of[r.cluster], r)
	}
	for _, reports := range of {
		steady := false
		for m := reports[0].day.Month(); m <= reports[len(reports)-1].day.Month(); m++ {
			steady = steady || daysIn(reports, m-1, m) >= 7
		}
		if steady {
			clusters = append(clusters, reports)
		}
	}
	return clusters
}

func daysIn(reports []raw, from, to rollup.MonthID) int {
	days := make(map[rollup.Date]bool)
	for _, r := range reports {
		if m := r.day.Month(); m >= from && m <= to {
			days[r.day] = true
		}
	}
	return len(days)
}

// tookUp returns the first day on which a cluster reports after the hour in which it last
// had a version below one, and whether it had one at all.
func tookUp(reports []raw, version int) (day rollup.Date, upgraded, ok bool) {
	since := rollup.Date(0)
	for _, r := range reports {
		switch at := slices.Index(versionsSaid, r.version); {
		case at < 0:
			return 0, false, false
		case at < version:
			since, upgraded, ok = r.day+rollup.Date((r.hour+1)/24), true, false
		case !ok:
			day, ok = r.day, true
		}
	}
	for _, r := range reports {
		if r.day >= since && ok {
			return min(day, r.day), upgraded, true
		}
	}
	return day, upgraded, ok
}

// adoptionTruth counts a version day by day. run is who has run the version itself.
func adoptionTruth(clusters [][]raw, version int, through rollup.Date) (first rollup.Date, run int, days []published.AdoptionShare) {
	first = through + 1
	for _, reports := range clusters {
		if slices.ContainsFunc(reports, func(r raw) bool { return r.version == versionsSaid[version] }) {
			run++
			if at, _, ok := tookUp(reports, version); ok {
				first = min(first, at)
			}
		}
	}
	for day := first; day <= through; day++ {
		s := published.AdoptionShare{Day: int(day - first)}
		for _, reports := range clusters {
			if day < reports[0].day || day > reports[len(reports)-1].day+7 {
				continue
			}
			s.Active++
			if at, _, ok := tookUp(reports, version); ok && at <= day {
				s.Clusters++
			}
		}
		days = append(days, s)
	}
	return first, run, days
}

func TestAdoptionAgreesWithANaiveCount(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 2))
		all := drawFleet(rng)
		r := newRig(t, census.Config{MinShare: 1})
		r.send(all)
		clusters := byCluster(all)
		got := make(map[string]published.VersionAdoption)
		for _, v := range r.adoption().Versions {
			got[v.Version] = v
		}
		for i, said := range versionsSaid {
			first, run, days := adoptionTruth(clusters, i, r.today()-1)
			v, ok := got[said.shown]
			if ok != (run > 0) {
				t.Errorf("seed %d: %s was run by %d: %v", seed, said.shown, run, ok)
			}
			if !ok {
				continue
			}
			if v.FirstReport != first.String() || fmt.Sprint(v.Shares) != fmt.Sprint(days) || v.Clusters != days[len(days)-1].Clusters {
				t.Errorf("seed %d: %s from %s: %v\nwant from %s: %v", seed, said.shown, v.FirstReport, v.Shares, first, days)
			}
		}
	}
}

func (r *rig) today() rollup.Date { return rollup.DateOf(r.now) }

func TestRetentionAgreesWithANaiveCount(t *testing.T) {
	for seed := range uint64(8) {
		rng := rand.New(rand.NewPCG(seed, 3))
		all := drawFleet(rng)
		r := newRig(t, census.Config{MinShare: 1})
		r.send(all)
		got := r.retention()
		for _, c := range got.Months {
			want := published.Cohort{Month: c.Month}
			var left, after1, after3 int64
			for _, reports := range byCluster(all) {
				joined, last := reports[0].day.Month(), reports[len(reports)-1].day.Month()
				if last == c.Month {
					left++
				}
				if joined != c.Month || daysIn(reports, joined, joined+1) < 7 {
					continue
				}
				want.Joined++
				if last > c.Month {
					after1++
				}
				if last > c.Month+2 {
					after3++
				}
			}
			if c.Month < monthOf("2026-05") {
				want.Left = &left
			}
			if want.Joined > 0 {
				if c.Month < monthOf("2026-05") {
					want.After1 = &after1
				}
				if c.Month < monthOf("2026-03") {
					want.After3 = &after3
				}
			}
			g, _ := json.Marshal(c)
			w, _ := json.Marshal(want)
			if string(g) != string(w) {
				t.Errorf("seed %d: %s\nwant %s", seed, g, w)
			}
		}
		if len(got.Months) == 0 || got.Months[len(got.Months)-1].Month != monthOf("2026-05") {
			t.Errorf("seed %d: the months are %v", seed, got.Months)
		}
	}
}
