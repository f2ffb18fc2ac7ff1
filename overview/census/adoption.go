package census

import (
	"context"
	"slices"
	"time"

	"golang.org/x/mod/semver"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// activeDays is for how long after its last report a cluster is active.
	activeDays = 7
	// maxVersions are published, each with its first maxShares days.
	maxVersions, maxShares = 12, 181
)

// Adoption returns how fast steady clusters take up releases, up to the last day that has
// ended. Errors are as those of [Census.Breakdown].
func (c *Census) Adoption(ctx context.Context) (a *published.Adoption, err error) {
	now := c.cfg.Now()
	err = c.read(ctx, rollup.MonthOf(now), func() error {
		a = c.held.adoption.get(c.held.reads, int(rollup.DateOf(now)), func() *published.Adoption { return c.adoption(now) })
		return nil
	})
	return a, err
}

// kept is what was made of the months that were read, on a day or in a month.
type kept[A any] struct {
	answer *A
	reads  uint64
	at     int
}

func (k *kept[A]) get(reads uint64, at int, count func() *A) *A {
	if k.answer == nil || k.reads != reads || k.at != at {
		*k = kept[A]{count(), reads, at}
	}
	return k.answer
}

// whole rounds down to whole steps of MinShare. All that is published of adoption and
// retention is made of such numbers: no two of them differ by a few clusters.
func (c *Census) whole(n int) int64 { return int64(n) / c.cfg.MinShare * c.cfg.MinShare }

func (c *Census) adoption(now time.Time) *published.Adoption {
	through := rollup.DateOf(now) - 1
	lives, begin := slices.DeleteFunc(c.lives(), func(l life) bool { return !l.steady }), through
	active := 0
	for _, l := range lives {
		begin = min(begin, l.first)
		if l.active(through) {
			active++
		}
	}
	a := &published.Adoption{
		GeneratedAt: now.UTC().Format(time.RFC3339), Clusters: c.whole(active), MinShare: c.cfg.MinShare,
		Versions: []published.VersionAdoption{},
	}
	ranks := c.ranks()
	for _, r := range c.released(lives, ranks, through) {
		known := r.first > begin+rollup.Date(c.cfg.ConfirmDays)
		a.Versions = append(a.Versions, c.adoptionOf(r, lives, ranks, through, known))
	}
	return a
}

func (l life) active(on rollup.Date) bool { return l.first <= on && on <= l.last+activeDays }

// ranks returns the place of each version among all, by its number.
func (c *Census) ranks() []int {
	texts := c.held.versions.texts
	order := make([]int, len(texts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return semver.Compare(texts[a], texts[b]) })
	ranks := make([]int, len(texts))
	for rank, i := range order {
		ranks[i] = rank
	}
	return ranks
}

// released is a version that enough clusters have run.
type released struct {
	version uint32
	first   rollup.Date
	runners int
}

// released returns the newest releases that enough clusters have run.
func (c *Census) released(lives []life, ranks []int, through rollup.Date) (all []released) {
	byVersion := make(map[uint32]*released)
	for _, l := range lives {
		for i, s := range l.stints {
			r := byVersion[s.version]
			if r == nil {
				r = &released{version: s.version, first: s.from}
				byVersion[s.version] = r
			}
			r.first = min(r.first, s.from)
			if !slices.ContainsFunc(l.stints[:i], func(o stint) bool { return o.version == s.version }) {
				r.runners++
			}
		}
	}
	for _, r := range byVersion {
		if int64(r.runners) >= c.cfg.MinShare && r.first <= through {
			all = append(all, *r)
		}
	}
	slices.SortFunc(all, func(a, b released) int { return ranks[b.version] - ranks[a.version] })
	return all[:min(len(all), maxVersions)]
}

// adoptionOf makes the answer of one release. Of one that was there before the server could
// know, it is not known how long anything took.
func (c *Census) adoptionOf(r released, lives []life, ranks []int, through rollup.Date, known bool) published.VersionAdoption {
	days := int(through-r.first) + 1
	active, taken := make([]int, days+1), make([]int, days+1) // how they change on each day
	var waits []int
	for _, l := range lives {
		until := min(int(l.last+activeDays-r.first)+1, days)
		if until <= 0 || l.first > through {
			continue
		}
		active[max(int(l.first-r.first), 0)]++
		active[until]--
		at, upgraded, ok := l.takeUp(ranks[r.version], ranks)
		if ok && at <= through {
			taken[min(max(int(at-r.first), 0), until)]++
			taken[until]--
			if upgraded && at >= r.first {
				waits = append(waits, int(at-r.first))
			}
		}
	}
	v := published.VersionAdoption{
		Version: c.held.versions.texts[r.version], FirstReport: r.first.String(), Upgraded: c.whole(len(waits)),
	}
	shares := c.shares(active[:days], taken[:days])
	v.Clusters = shares[days-1].Clusters
	v.Shares = shares[:min(days, maxShares)]
	if !known {
		return v
	}
	v.DaysTo10, v.DaysTo50, v.DaysTo90 = daysTo(shares, 10), daysTo(shares, 50), daysTo(shares, 90)
	if v.Upgraded > 0 {
		slices.Sort(waits)
		v.MedianDays = &waits[(len(waits)-1)/2]
	}
	return v
}

// takeUp returns the day since which the cluster has run a release or a newer one, and
// whether it ran an older one before.
func (l life) takeUp(rank int, ranks []int) (at rollup.Date, upgraded, ok bool) {
	for _, s := range l.stints {
		if ranks[s.version] >= rank {
			return s.from, upgraded, true
		}
		upgraded = true
	}
	return 0, false, false
}

func (c *Census) shares(active, taken []int) []published.AdoptionShare {
	shares := make([]published.AdoptionShare, len(active))
	a, t := 0, 0
	for day := range shares {
		a += active[day]
		t += taken[day]
		shares[day] = published.AdoptionShare{Day: day, Clusters: c.whole(t), Active: c.whole(a)}
	}
	return shares
}

// daysTo returns the first day on which so many percent had taken it up, nil if there was none.
func daysTo(shares []published.AdoptionShare, percent int64) *int {
	for _, s := range shares {
		if s.Clusters > 0 && 100*s.Clusters >= percent*s.Active {
			return &s.Day
		}
	}
	return nil
}
