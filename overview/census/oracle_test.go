package census_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// said is a text of a report, with what it is to be shown as; "" for one that is no value.
type said struct{ text, shown string }

var (
	// Versions go up in this order. What is not of a release comes after them.
	versionsSaid = []said{
		{"v0.35.2", "v0.35.2"}, {"v1.9.0", "v1.9.0"}, {"v1.10.0", "v1.10.0"}, {"1.11.0", "v1.11.0"},
		{"v1.12.0+abc", "v1.12.0"},
	}
	oddVersions = []said{
		{"v1.2.0-rc.1", "v1.2.0-rc.1"}, {"latest", "other"}, {"<script>", "other"}, {"", ""}, {"other", "other"},
	}
	systemsSaid = []said{
		{"linux (Talos (v1.8.4))", "Talos 1.8"}, {"linux (Talos (v1.10.5))", "Talos 1.10"}, {"linux (Ubuntu 22.04.3 LTS)", "Ubuntu 22.04"},
		{"linux (Debian GNU/Linux 12 (bookworm))", "Debian GNU/Linux 12"}, {"linux", "linux"}, {"\u202etxt", "other"},
	}
	kernelsSaid = []said{{"6.6.64-talos", "6.6"}, {"6.12.35-talos", "6.12"}, {"5.15", "5.15"}, {"mine", "other"}}
	driversSaid = []said{{"linstor.csi.linbit.com", "linstor.csi.linbit.com"}, {"nfs.csi.k8s.io", "nfs.csi.k8s.io"}, {"none at all", "other"}, {"", ""}}
	minorsSaid  = []said{{"v1.31.4+k3s1", "v1.31"}, {"v1.32.0", "v1.32"}, {"1.33.1", "v1.33"}, {"new", "other"}, {"", ""}}
)

// raw is a report as it was sent.
type raw struct {
	cluster                               int
	day                                   rollup.Date
	hour                                  int
	version, kubernetes, os, kernel, disk said
	nodes                                 int
	packages                              map[string]string
}

func (r raw) state() state {
	s := state{
		fmt.Sprintf("cozy_cluster_info{cozystack_version=%q,kubernetes_version=%q} 1", r.version.text, r.kubernetes.text),
		"cozy_nodes_count{kernel=\"" + r.kernel.text + "\",os=\"" + r.os.text + fmt.Sprintf("\"} %d", r.nodes),
	}
	if r.disk.text != "" {
		s = append(s, fmt.Sprintf("cozy_pvs_count{driver=%q,size=\"5Gi\"} 3", r.disk.text))
	}
	for name, variant := range r.packages {
		s = append(s, packageLine(name, variant))
	}
	return s
}

// pick prefers the first of some texts.
func pick(rng *rand.Rand, of []said) said {
	return of[min(rng.IntN(len(of)), rng.IntN(len(of)))]
}

// drawFleet draws what clusters have sent in the four months from January 2026 on.
func drawFleet(rng *rand.Rand) (all []raw) {
	for cluster := range 5 + rng.IntN(60) {
		r := raw{cluster: cluster, version: pick(rng, versionsSaid), kubernetes: pick(rng, minorsSaid), os: pick(rng, systemsSaid),
			kernel: pick(rng, kernelsSaid), disk: pick(rng, driversSaid), nodes: 1 + rng.IntN(30), packages: map[string]string{}}
		if rng.IntN(8) == 0 {
			r.version = oddVersions[rng.IntN(len(oddVersions))]
		}
		for i := range 4 {
			if rng.IntN(3) > 0 {
				r.packages[fmt.Sprintf("p%d", i)] = []string{"default", "small", "large"}[min(rng.IntN(3), rng.IntN(3))]
			}
		}
		for month := range 4 {
			if rng.IntN(6) == 0 {
				continue // away
			}
			first, days := rng.IntN(3), 1+rng.IntN(9)
			for day := first; day < first+days; day++ {
				r.day = date("2026-01-10").Month().First() + rollup.Date(31*month+9+day-min(month, 1)*3)
				r.hour = 1 + rng.IntN(20)
				all = append(all, r)
				if rng.IntN(6) == 0 {
					r = r.upgraded(rng)
					r.hour += 2 // perhaps on the same day
					all = append(all, r)
				}
			}
		}
	}
	return all
}

func (r raw) upgraded(rng *rand.Rand) raw {
	if i := slices.Index(versionsSaid, r.version); i >= 0 && i+1 < len(versionsSaid) {
		r.version = versionsSaid[i+1]
	}
	r.kernel, r.os = pick(rng, kernelsSaid), pick(rng, systemsSaid)
	return r
}

// send records reports.
func (r *rig) send(all []raw) {
	r.t.Helper()
	byDay := make(map[rollup.Date][]rollup.InstanceDay)
	for _, report := range all {
		byDay[report.day] = append(byDay[report.day], rollup.InstanceDay{
			Instance: fmt.Sprintf("c%03d", report.cluster), Day: dayOf(report.hour, report.state()),
		})
	}
	for day, days := range byDay {
		if err := r.store.MergeDays(context.Background(), rollup.Cozystack, day, days); err != nil {
			r.t.Fatal(err)
		}
	}
}

// tell counts clusters: those that were seen, and those of them that are steady.
type tell struct{ seen, steady int64 }

// truth is what a month's clusters have, by dimension and value; by "package" and its name
// for variants. A cluster without a value has "".
type truth struct {
	clusters tell
	counts   map[string]map[string]tell
}

func (t truth) add(dimension, value string, steady bool) {
	if t.counts[dimension] == nil {
		t.counts[dimension] = make(map[string]tell)
	}
	n := t.counts[dimension][value]
	n.seen++
	if steady {
		n.steady++
	}
	t.counts[dimension][value] = n
}

// truthOf counts one cluster after the other, by its newest report alone.
func truthOf(all []raw, month rollup.MonthID, confirmDays int) truth {
	t := truth{counts: make(map[string]map[string]tell)}
	newest, days := make(map[int]raw), make(map[int]map[rollup.Date]bool)
	for _, r := range all {
		if m := r.day.Month(); m == month || m == month-1 {
			if days[r.cluster] == nil {
				days[r.cluster] = make(map[rollup.Date]bool)
			}
			days[r.cluster][r.day] = true
		}
		if n, ok := newest[r.cluster]; r.day.Month() == month && (!ok || r.day > n.day || r.day == n.day && r.hour >= n.hour) {
			newest[r.cluster] = r
		}
	}
	for cluster, r := range newest {
		steady := len(days[cluster]) >= confirmDays
		t.clusters.seen++
		if steady {
			t.clusters.steady++
		}
		t.add(published.ByVersion, r.version.shown, steady)
		t.add(published.ByKubernetes, r.kubernetes.shown, steady)
		t.add(published.ByOS, r.os.shown, steady)
		t.add(published.ByKernel, r.kernel.shown, steady)
		t.add(published.ByDriver, r.disk.shown, steady)
		size := "25+"
		for _, s := range []struct {
			most int
			name string
		}{{24, "13–24"}, {12, "7–12"}, {6, "4–6"}, {3, "2–3"}, {1, "1"}} {
			if r.nodes <= s.most {
				size = s.name
			}
		}
		t.add(published.ByNodes, size, steady)
		for name, variant := range r.packages {
			t.add(published.ByPackage, name, steady)
			t.add(name, variant, steady)
		}
		if len(r.packages) > 0 {
			t.add("packages", "any", steady)
		}
	}
	return t
}

// TestCensusAgreesWithANaiveCount shows all, and compares with what was sent.
func TestCensusAgreesWithANaiveCount(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 1))
		all := drawFleet(rng)
		r := newRig(t, census.Config{MinShare: 1})
		r.send(all)
		out := rollup.Exclusion{Product: rollup.Cozystack, Instance: "c001", At: r.now}
		if _, err := r.store.Exclude(context.Background(), []rollup.Exclusion{out}); err != nil {
			t.Fatal(err)
		}
		all = slices.DeleteFunc(all, func(r raw) bool { return r.cluster == 1 })
		for _, month := range []string{"2026-04", "2026-01", "2026-02", "2026-03"} {
			want := truthOf(all, monthOf(month), 7)
			if want.clusters.seen == 0 {
				continue
			}
			b := r.breakdown(month)
			if b.Clusters != want.clusters.seen {
				t.Errorf("seed %d, %s: %d clusters, want %d", seed, month, b.Clusters, want.clusters.seen)
			}
			for _, d := range b.Dimensions {
				got := make(map[string]int64)
				for _, v := range d.Values {
					got[v.Value] = v.Clusters
				}
				name := d.Name
				if name == published.ByVariant {
					name = d.Package
				}
				told, total := make(map[string]int64), int64(0)
				for value, n := range want.counts[name] {
					if value != "" {
						told[value] = n.seen
						total += n.seen
					}
				}
				if d.Name == published.ByPackage {
					total = want.counts["packages"]["any"].seen
				}
				if !maps.Equal(got, told) || d.Clusters != total {
					t.Errorf("seed %d, %s, %s %s: %v of %d, want %v of %d", seed, month, d.Name, d.Package, got, d.Clusters, told, total)
				}
			}
		}
	}
}
