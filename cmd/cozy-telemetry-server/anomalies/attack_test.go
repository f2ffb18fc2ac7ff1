package anomalies

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/overview/anomaly"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// made is a made-up report.
func made(nodes, tenants, apps int) []byte {
	return fmt.Appendf(nil, `cozy_cluster_info{cozystack_version="v1.3.1",kubernetes_version="v1.34.0"} 1
cozy_nodes_count{os="linux",kernel="6.12.48-talos"} %d
cozy_application_count{kind="Tenant"} %d
cozy_application_count{kind="Postgres"} %d
`, nodes, tenants, apps)
}

// attackDays are how old a fleet is when it is attacked.
const attackDays = 100

// before returns a fleet and its world on the day before an attack.
func before(t *testing.T, clusters int) (*world, *fleet.Fleet) {
	t.Helper()
	w := newWorld()
	f := fleet.New(fleet.Config{Seed: 21, Clusters: clusters, Steps: 200, UpgradeShare: 0.5, BirthShare: 0.3, DeathShare: 0.2})
	for day := range attackDays {
		w.live(t, f, begin+rollup.Date(day), day)
	}
	w.quiet(t, begin+attackDays-1)
	return w, f
}

// Each attack is found on its first day, at its end.
func TestA10AttacksAreFoundWithinADay(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	worlds, fleets := make(map[int]*world), make(map[int]*fleet.Fleet)
	for _, clusters := range []int{3, 10, 500} {
		worlds[clusters], fleets[clusters] = before(t, clusters)
	}
	for name, c := range map[string]struct {
		clusters int
		want     string
		report   func(w *world, f *fleet.Fleet, date rollup.Date)
	}{
		"1000 ids with the same report": {500, "alike month new_ids", func(w *world, _ *fleet.Fleet, date rollup.Date) {
			for i := range 1000 {
				w.report(t, fmt.Sprintf("made-up-%04d", i), date, made(3, 2, 5))
			}
		}},
		"1000 ids, each with its own": {500, "month new_ids", func(w *world, _ *fleet.Fleet, date rollup.Date) {
			for i := range 1000 {
				w.report(t, fmt.Sprintf("made-up-%04d", i), date, made(1+random.IntN(20), random.IntN(50), random.IntN(1000)))
			}
		}},
		"100 ids with the same large report": {500, "alike month new_ids", func(w *world, _ *fleet.Fleet, date rollup.Date) {
			for i := range 100 {
				w.report(t, fmt.Sprintf("made-up-%04d", i), date, made(10000, 10000, 100000))
			}
		}},
		"200 ids with 4900 series each": {500, "alike new_ids", func(w *world, _ *fleet.Fleet, date rollup.Date) {
			var text strings.Builder
			for i := range 4900 {
				fmt.Fprintf(&text, "cozy_made_up{n=\"%d\"} 1\n", i)
			}
			text.WriteString("cozy_nodes_count 9\n")
			for i := range 200 {
				w.report(t, fmt.Sprintf("made-up-%04d", i), date, []byte(text.String()))
			}
		}},
		"one id with all nodes there can be": {500, "month share", func(w *world, _ *fleet.Fleet, date rollup.Date) {
			w.report(t, "made-up", date, made(10000, 0, 0))
		}},
		"one id with all applications there can be": {500, "month share", func(w *world, _ *fleet.Fleet, date rollup.Date) {
			w.report(t, "made-up", date, made(1, 1, 100000))
		}},
		"a known id that grows": {500, "month share", func(w *world, f *fleet.Fleet, date rollup.Date) {
			c := f.Cluster(0)
			w.report(t, c.ID(), date, made(10000, 0, 0))
		}},
		"one id beside three clusters": {3, "month", func(w *world, _ *fleet.Fleet, date rollup.Date) {
			w.report(t, "made-up", date, made(10000, 0, 0))
		}},
		"30 ids beside ten clusters": {10, "alike month new_ids", func(w *world, _ *fleet.Fleet, date rollup.Date) {
			for i := range 30 {
				w.report(t, fmt.Sprintf("made-up-%04d", i), date, made(100, 2, 5))
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			date := begin + attackDays
			w, fleet := worlds[c.clusters].copy(), fleets[c.clusters]
			w.live(t, fleet, date, attackDays)
			honest := slices.Collect(maps.Keys(w.days[date]))
			c.report(w, fleet, date)
			found := w.look(t, date)
			if got := kinds(found); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
			for _, f := range found {
				if len(f.Examples) == 0 || len(f.Examples) > anomaly.MaxExamples || !strings.HasPrefix(f.Next, "cozy-telemetry-server exclude ") {
					t.Errorf("%+v", f)
				}
			}
			for id := range w.days[date] {
				if !slices.Contains(honest, id) {
					w.excluded = append(w.excluded, id)
				}
			}
			if len(w.excluded) > 0 { // else it was a known cluster
				w.quiet(t, date)
			}
		})
	}
}

// Some ids a day, too few for a wave, are found once they weigh as much as a tenth of a
// figure, if they report the same; else once the month does not fit its history.
func TestA10SlowAttackIsFound(t *testing.T) {
	past, fleet := before(t, 500)
	for name, c := range map[string]struct {
		want string
		days int
		apps func(i int) int
	}{
		"all the same":      {"alike", 6, func(int) int { return 5 }},
		"each with its own": {"month", 20, func(i int) int { return i }},
	} {
		t.Run(name, func(t *testing.T) {
			w := past.copy()
			for day := range c.days {
				date := begin + rollup.Date(attackDays+day)
				w.live(t, fleet, date, attackDays+day)
				for i := range 15 * (day + 1) {
					w.report(t, fmt.Sprintf("made-up-%04d", i), date, made(9, 2, c.apps(i)))
				}
			}
			if got := kinds(w.look(t, begin+rollup.Date(attackDays+c.days-1))); got != c.want {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
