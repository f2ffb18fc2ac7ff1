package census_test

import (
	"context"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// least is what nothing that is published may be below.
const least = 5

// attacker is the index of the first cluster that is made up.
const attacker = 1000

// drawMadeUp draws ids of an attacker's own, each on less days than it takes to be confirmed,
// that claim what they like: what others have, too.
func drawMadeUp(rng *rand.Rand, honest []raw) (all []raw) {
	for cluster := range rng.IntN(40) {
		r := honest[rng.IntN(len(honest))]
		r.cluster = attacker + cluster
		if rng.IntN(2) == 0 {
			r.version = oddVersions[rng.IntN(len(oddVersions))]
			r.disk = said{"mine", "mine"}
		}
		for range 1 + rng.IntN(6) {
			r.day = rollup.Date(int(date("2026-01-10")) + rng.IntN(110))
			r.hour = 1 + rng.IntN(22)
			all = append(all, r)
		}
	}
	return all
}

// seenBy is what an attacker makes of one dimension of one month: what is told, less what
// their own ids have added.
type seenBy struct {
	shown, hidden map[string]int64 // by value: who of the others has it in truth
	// told is set if any value is shown. The total alone, which the overview has too, tells
	// nothing of any.
	told bool
}

// TestA12FoldedRestOfAnyFleet holds, over months of fleets with ids of an attacker among them,
// that no number that is published, and no difference of such numbers, is of 1 to 4 clusters
// that are not the attacker's own.
func TestA12FoldedRestOfAnyFleet(t *testing.T) {
	for seed := range uint64(25) {
		rng := rand.New(rand.NewPCG(seed, 4))
		honest := drawFleet(rng)
		madeUp := drawMadeUp(rng, honest)
		r := newRig(t, census.Config{})
		r.send(append(honest, madeUp...))
		before := make(map[string]seenBy)
		for month := monthOf("2026-01"); month <= monthOf("2026-04"); month++ {
			b, err := r.Breakdown(context.Background(), month)
			if err != nil || daysIn(append(honest, madeUp...), month-1, month) < 7 {
				clear(before) // nobody can be confirmed yet
				continue
			}
			now := look(t, b, truthOf(honest, month, 7), truthOf(madeUp, month, 7))
			for dimension, s := range now {
				if then, ok := before[dimension]; ok && then.told && s.told {
					compare(t, month, dimension, then, s)
				}
			}
			before = now
		}
		multiplesOfLeast(t, r)
	}
}

// few tells whether some clusters are too few to be told.
func few(n int64) bool { return 0 < n && n < least }

// look takes from all that a breakdown tells what the attacker's own ids add.
func look(t *testing.T, b *published.Breakdown, honest, own truth) map[string]seenBy {
	t.Helper()
	dimensions := make(map[string]seenBy)
	for _, d := range b.Dimensions {
		name := d.Name
		if name == published.ByVariant {
			name = d.Package
		}
		if d.Name == published.ByPackage {
			lookAtPackages(t, b, d, honest, own)
			continue
		}
		s := seenBy{make(map[string]int64), make(map[string]int64), len(d.Values) > 0 && d.Values[0].Value != published.Other}
		told, sum := make(map[string]int64), int64(0)
		for _, v := range d.Values {
			told[v.Value] = v.Clusters
			sum += v.Clusters
		}
		all := honest.clusters.seen + own.clusters.seen
		if d.Name == published.ByVariant {
			all = d.Clusters // a package's, which lookAtPackages looks at
		}
		for value := range both(honest.counts[name], own.counts[name]) {
			if _, ok := told[value]; ok && value != published.Other {
				s.shown[value] = honest.counts[name][value].seen
			} else if value != "" || d.Clusters == all {
				s.hidden[value] = honest.counts[name][value].seen
			} else {
				s.shown[value] = honest.counts[name][value].seen // the total is without them
			}
		}
		for value, n := range s.shown {
			if few(n) {
				t.Errorf("%s, %s: %q tells of %d clusters: %v", b.Month, name, value, n, d)
			}
		}
		if rest := add(s.hidden); s.told && few(rest) {
			t.Errorf("%s, %s: the others tell of %d clusters: %v", b.Month, name, rest, d)
		}
		if sum != d.Clusters && s.told {
			t.Errorf("%s, %s: the values are of %d clusters: %v", b.Month, name, sum, d)
		}
		dimensions[name] = s
	}
	return dimensions
}

func both(a, b map[string]tell) map[string]bool {
	all := make(map[string]bool)
	for _, m := range []map[string]tell{a, b} {
		for value := range m {
			all[value] = true
		}
	}
	return all
}

func add(counts map[string]int64) (sum int64) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// lookAtPackages: neither who has one is few, nor who is without it.
func lookAtPackages(t *testing.T, b *published.Breakdown, d published.Dimension, honest, own truth) {
	t.Helper()
	for _, v := range d.Values {
		has := honest.counts[published.ByPackage][v.Value].seen
		without := d.Clusters - v.Clusters - (own.counts["packages"]["any"].seen - own.counts[published.ByPackage][v.Value].seen)
		if few(has) || few(without) && d.Clusters != v.Clusters {
			t.Errorf("%s: %s is told of %d clusters, and of %d without it: %v", b.Month, v.Value, has, without, d)
		}
	}
	none := honest.clusters.seen - honest.counts["packages"]["any"].seen
	if d.Clusters != b.Clusters && few(none) {
		t.Errorf("%s: it is told that %d clusters have no packages", b.Month, none)
	}
}

// compare splits what each of two months hides by what the other one shows.
func compare(t *testing.T, month rollup.MonthID, dimension string, then, now seenBy) {
	t.Helper()
	var left, stayed, came int64
	for value, n := range then.hidden {
		if _, ok := now.shown[value]; ok {
			left += n
		} else {
			stayed += n
		}
	}
	for value, n := range now.hidden {
		if _, ok := then.shown[value]; ok {
			came += n
		}
	}
	if few(came) || few(left) && came < least || left > 0 && few(stayed) {
		t.Errorf("%s, %s: %d have come to the others, %d have left those of the month before, and %d stayed: %v, then %v",
			month, dimension, came, left, stayed, then, now)
	}
}

// multiplesOfLeast holds that adoption and retention have no other numbers of clusters.
func multiplesOfLeast(t *testing.T, r *rig) {
	t.Helper()
	check := func(where string, counts ...int64) {
		for _, n := range counts {
			if n%least != 0 {
				t.Errorf("%s tells of %d clusters", where, n)
			}
		}
	}
	a := r.adoption()
	check("adoption", a.Clusters)
	for _, v := range a.Versions {
		check(v.Version, v.Clusters, v.Upgraded)
		for _, s := range v.Shares {
			check(v.Version, s.Clusters, s.Active)
		}
	}
	for _, c := range r.retention().Months {
		check("retention", c.Joined)
		for _, n := range []*int64{c.Left, c.After1, c.After3, c.After6, c.After12} {
			if n != nil {
				check("retention", *n)
			}
		}
	}
}

// TestA12FoldedRest is what somebody may try to learn of three clusters with a version that
// nobody else has.
func TestA12FoldedRest(t *testing.T) {
	rare := named("rare", 3)
	fleet := func(t *testing.T) *rig {
		r := newRig(t, census.Config{})
		r.report("2026-05-01", "2026-06-14", 5, running("v1.1.0", packageLine("core", "default")), named("a", 40)...)
		r.report("2026-05-01", "2026-06-14", 5, running("v1.0.0", packageLine("core", "default")), named("b", 9)...)
		r.report("2026-05-01", "2026-06-14", 5, running("v1.2.0", packageLine("core", "tuned"), packageLine("gpu", "default"),
			`cozy_cluster_capacity{resource="nvidia.com/H100"} 8`), rare...)
		return r
	}
	const folded = "52: v1.1.0 40, other 12"

	t.Run("by subtraction", func(t *testing.T) {
		r := fleet(t)
		b := r.breakdown("2026-06")
		for _, tc := range []struct{ dimension, pkg, want string }{
			{published.ByVersion, "", folded}, // 52 - 40 is of two versions
			{published.ByPackage, "", "52: core 52"},
			{published.ByVariant, "core", "52: other 52"}, // 52 - 49 would tell
			{published.ByVariant, "gpu", "none"},
		} {
			if got := text(b, tc.dimension, tc.pkg); got != tc.want {
				t.Errorf("%s %s: %s, want %s", tc.dimension, tc.pkg, got, tc.want)
			}
		}
		if len(b.Capacity) > 0 {
			t.Errorf("told: %v", b.Capacity)
		}
		for _, v := range r.adoption().Versions {
			if v.Version == "v1.2.0" {
				t.Errorf("told: %v", v)
			}
		}
	})

	t.Run("by ids of one's own", func(t *testing.T) {
		// 50 ids on six days claim the rare version, 50 one that nobody has: neither the
		// value nor what hides it comes over the line.
		for version, want := range map[string]string{
			"v1.2.0": "102: v1.1.0 40, other 62", "v9.9.9": "102: v1.1.0 40, other 62", "v1.0.0": "102: v1.1.0 40, other 62",
		} {
			r := fleet(t)
			r.report("2026-06-05", "2026-06-10", 5, running(version), named("mine", 50)...)
			if got := text(r.breakdown("2026-06"), published.ByVersion, ""); got != want {
				t.Errorf("with 50 of %s: %s, want %s", version, got, want)
			}
			for _, v := range r.adoption().Versions {
				if v.Version == "v1.2.0" || v.Clusters > 50 {
					t.Errorf("with 50 of %s: %+v", version, v)
				}
			}
		}
	})

	t.Run("by waiting", func(t *testing.T) {
		// A report of one's own brings a new answer no sooner than an hour later, with all
		// that others have sent meanwhile.
		r := fleet(t)
		first := r.breakdown("2026-06")
		r.report("2026-06-14", "2026-06-14", 23, running("v1.3.0"), "rare000")
		r.now = r.now.Add(time.Hour - time.Second)
		if again := r.breakdown("2026-06"); !reflect.DeepEqual(first, again) {
			t.Errorf("%v, then %v", first, again)
		}
		r.now = r.now.Add(time.Second)
		if again := r.breakdown("2026-06"); again.GeneratedAt == first.GeneratedAt {
			t.Error("it stays for ever")
		}
	})

	t.Run("by the month before", func(t *testing.T) {
		for name, tc := range map[string]struct {
			april, may map[string]int
			told       [2]string
		}{
			// v1.2.0 was of 3 and is of 30 now: v1.0.0 goes to the others for it.
			"grown": {map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v0.35.0": 6, "v1.2.0": 3}, map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v0.35.0": 6, "v1.2.0": 30},
				[2]string{"58: v1.1.0 40, v1.0.0 9, other 9", "85: v1.1.0 40, v1.2.0 30, v1.0.0 9, v0.35.0 6"}},
			// The others lost 3 to it, and have 9 still: 9 of v1.0.0 come along.
			"grown beside others": {map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v1.2.0": 3, "v0.1.0": 4, "v0.2.0": 4}, map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v1.2.0": 30, "v0.1.0": 4, "v0.2.0": 4},
				[2]string{"60: v1.1.0 40, v1.0.0 9, other 11", "87: v1.1.0 40, v1.2.0 30, other 17"}},
			// 4 come to the 8 others, and 9 of v1.0.0 with them.
			"shrunk": {map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v1.2.0": 6, "v0.1.0": 4, "v0.2.0": 4}, map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v1.2.0": 4, "v0.1.0": 4, "v0.2.0": 4},
				[2]string{"63: v1.1.0 40, v1.0.0 9, v1.2.0 6, other 8", "61: v1.1.0 40, other 21"}},
			// v1.0.0 was hidden to hide 3 of v1.2.0, so it stays with them.
			"company": {map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v1.2.0": 3}, map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v1.2.0": 3, "v0.1.0": 4},
				[2]string{"52: v1.1.0 40, other 12", "56: v1.1.0 40, other 16"}},
			// A new release that nobody had goes its way.
			"new": {map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v0.1.0": 4, "v0.2.0": 4}, map[string]int{"v1.1.0": 40, "v1.0.0": 9, "v0.1.0": 4, "v0.2.0": 4, "v1.2.0": 5},
				[2]string{"57: v1.1.0 40, v1.0.0 9, other 8", "62: v1.1.0 40, v1.0.0 9, v1.2.0 5, other 8"}},
		} {
			r := newRig(t, census.Config{})
			for version, n := range tc.april {
				r.report("2026-04-01", "2026-04-20", 5, running(version), named(version, n)...)
			}
			for version, n := range tc.may {
				r.report("2026-05-01", "2026-05-20", 5, running(version), named(version, n)...)
			}
			got := [2]string{text(r.breakdown("2026-04"), published.ByVersion, ""), text(r.breakdown("2026-05"), published.ByVersion, "")}
			if got != tc.told {
				t.Errorf("%s:\n%q, want\n%q", name, got, tc.told)
			}
		}
	})

	t.Run("by seen and confirmed", func(t *testing.T) {
		// Who of v1.1.0 is not confirmed yet: adoption is the same to the byte with 3 such
		// clusters as without.
		with, without := fleet(t), fleet(t)
		with.report("2026-06-10", "2026-06-14", 5, running("v1.1.0"), named("young", 3)...)
		if a, b := with.adoption(), without.adoption(); !reflect.DeepEqual(a, b) {
			t.Errorf("%v\n%v", a, b)
		}
		multiplesOfLeast(t, with)
	})
}
