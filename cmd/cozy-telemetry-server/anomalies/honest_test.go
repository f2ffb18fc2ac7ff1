package anomalies

import (
	"fmt"
	"math"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// An ordinary fleet raises no alarm on any day of honestDays, from the first one on.
func TestA10NoFalseAlarm(t *testing.T) {
	for name, cfg := range map[string]fleet.Config{
		"500 clusters":          {Seed: 1, Clusters: 500, UpgradeShare: 0.6, BirthShare: 0.4, DeathShare: 0.3},
		"150 clusters":          {Seed: 2, Clusters: 150, UpgradeShare: 0.6, BirthShare: 0.4, DeathShare: 0.3},
		"500 from one":          {Seed: 4, Clusters: 500, BirthShare: 1},
		"50 with large reports": {Seed: 5, Clusters: 50, Full: true, UpgradeShare: 1, BirthShare: 0.5, DeathShare: 0.5},
		"1 cluster":             {Seed: 6, Clusters: 1, UpgradeShare: 1},
		"3 clusters":            {Seed: 7, Clusters: 3, UpgradeShare: 1, BirthShare: 1},
		"10 clusters":           {Seed: 8, Clusters: 10, UpgradeShare: 1, BirthShare: 0.9, DeathShare: 0.5},
		"30 clusters":           {Seed: 9, Clusters: 30, UpgradeShare: 1, BirthShare: 0.9, DeathShare: 0.5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg.Steps = honestDays
			f, w := fleet.New(cfg), newWorld()
			for day := range honestDays {
				date := begin + rollup.Date(day)
				w.live(t, f, date, day)
				w.quiet(t, date)
			}
		})
	}
}

// What happens to a fleet on some day is no attack.
func TestA10NoFalseAlarmOnSpecialDays(t *testing.T) {
	lively := fleet.Config{Seed: 11, Clusters: 500, Steps: 200, UpgradeShare: 0.5, BirthShare: 0.6, DeathShare: 0.2}
	for name, c := range map[string]struct {
		cfg fleet.Config
		// step returns the fleet's step of a day; below 0 nothing comes.
		step func(day int) int
	}{
		"a release that all install on one day": {
			fleet.Config{Seed: 12, Clusters: 500, Steps: 2, UpgradeShare: 1},
			func(day int) int { return max(0, day-100) },
		},
		"weekends without a network": {lively, func(day int) int {
			if day%7 < 2 {
				return -1
			}
			return day
		}},
		"two weeks without a network": {lively, func(day int) int {
			if day >= 100 && day < 114 {
				return -1
			}
			return day
		}},
		"twice as many each month": {
			fleet.Config{Seed: 13, Clusters: 800, Steps: 1000, BirthShare: 1},
			func(day int) int { return int(1000 * math.Exp2(float64(day-200)/30)) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, w := fleet.New(c.cfg), newWorld()
			for day := range 200 {
				date := begin + rollup.Date(day)
				if step := c.step(day); step >= 0 {
					w.live(t, f, date, step)
				}
				if day > 1 {
					w.quiet(t, date)
				}
			}
		})
	}
}

// A fleet of stores that are all alike, and one owner of half of all nodes, are no attack
// if they always were there.
func TestA10NoFalseAlarmOfWhatAlwaysWas(t *testing.T) {
	w := newWorld()
	for day := range 100 {
		date := begin + rollup.Date(day)
		for i := range 100 {
			w.report(t, fmt.Sprint("store-", i), date, made(3, 1, 5))
		}
		w.report(t, "large", date, made(300+day, 50, 200))
		w.quiet(t, date)
	}
}
