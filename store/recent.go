package store

import (
	"hash/maphash"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// recentInstances bounds the instances of one generation.
	recentInstances = 100_000
	// recentReports is how many reports of an instance are remembered: its clients'
	// last ones, twice over, for a value that goes back and forth.
	recentReports = 4
)

// recentCache remembers what was merged last of each instance. Most reports
// repeat the one before, and merging is idempotent: such a report changes nothing
// within the hour, and its record need not be looked at. It belongs to the writer,
// and is dropped when a commit fails, for then what was merged may not be in the
// file.
//
// Instances are known by a hash of their names, so that the maps hold no pointers
// and cost the garbage collector nothing. Two generations bound them: when the
// young one is full it becomes the old one, and who is not seen again in time is
// forgotten with it.
type recentCache struct {
	seed       maphash.Seed
	young, old map[uint64]recent
}

// recent are the digests of an instance's last reports of one hour.
type recent struct {
	date    rollup.Date
	hour    uint8
	next    uint8
	digests [recentReports]uint64
}

func newRecentCache() *recentCache {
	c := &recentCache{seed: maphash.MakeSeed()}
	c.drop()
	return c
}

func (c *recentCache) drop() { c.young, c.old = make(map[uint64]recent), nil }

// has tells whether a report repeats one that was merged within its hour.
func (c *recentCache) has(r *rollup.Report) bool {
	known := c.get(c.key(r))
	return r.Digest != 0 && known.sameHour(r) && slices.Contains(known.digests[:], r.Digest)
}

// add remembers a report as merged.
func (c *recentCache) add(r *rollup.Report) {
	if r.Digest == 0 {
		return
	}
	key := c.key(r)
	known := c.get(key)
	if !known.sameHour(r) {
		known = recent{date: rollup.DateOf(r.Received), hour: hourOf(r)}
	}
	known.digests[known.next%recentReports] = r.Digest
	known.next++
	if len(c.young) == recentInstances {
		c.young, c.old = make(map[uint64]recent), c.young
	}
	c.young[key] = known
}

// get returns what is known of an instance; the zero recent has no digest.
func (c *recentCache) get(key uint64) recent {
	if known, ok := c.young[key]; ok {
		return known
	}
	return c.old[key]
}

func (c *recentCache) key(r *rollup.Report) uint64 {
	return maphash.Comparable(c.seed, [2]string{r.Product, r.Instance})
}

func (k recent) sameHour(r *rollup.Report) bool {
	return k.hour == hourOf(r) && k.date == rollup.DateOf(r.Received)
}

func hourOf(r *rollup.Report) uint8 { return uint8(r.Received.UTC().Hour()) }
