package store

import (
	"slices"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// recentInstances bounds the instances whose last reports are remembered. An
	// instance takes some 200 bytes.
	recentInstances = 100_000
	// recentReports is how many reports of an instance are: its clients' last ones,
	// twice over, for a value that goes back and forth.
	recentReports = 4
)

// recentCache remembers what was merged last of each instance. Most
// reports repeat the one before, and merging is idempotent: such a report changes
// nothing within the hour, and its record need not be looked at. It belongs to
// the writer, and is dropped when a commit fails, for then what was merged may
// not be in the file.
type recentCache struct {
	lru *simplelru.LRU[instanceName, *recent]
}

// instanceName tells instances apart over all products.
type instanceName struct{ product, instance string }

// recent are the digests of an instance's last reports of one hour.
type recent struct {
	date    rollup.Date
	hour    uint8
	next    uint8
	digests [recentReports]uint64
}

func newRecentCache() *recentCache {
	c := &recentCache{}
	c.drop()
	return c
}

func (c *recentCache) drop() {
	lru, err := simplelru.NewLRU[instanceName, *recent](recentInstances, nil)
	if err != nil {
		panic(err) // only a size below 1 is refused
	}
	c.lru = lru
}

// has tells whether a report repeats one that was merged within its hour.
func (c *recentCache) has(r *rollup.Report) bool {
	known, ok := c.lru.Get(instanceName{r.Product, r.Instance})
	return ok && r.Digest != 0 && known.sameHour(r) && slices.Contains(known.digests[:], r.Digest)
}

// add remembers a report as merged.
func (c *recentCache) add(r *rollup.Report) {
	if r.Digest == 0 {
		return
	}
	name := instanceName{r.Product, r.Instance}
	known, ok := c.lru.Get(name)
	if !ok {
		known = &recent{}
		c.lru.Add(name, known)
	}
	if !known.sameHour(r) {
		*known = recent{date: rollup.DateOf(r.Received), hour: hourOf(r)}
	}
	known.digests[known.next%recentReports] = r.Digest
	known.next++
}

func (k *recent) sameHour(r *rollup.Report) bool {
	return k.hour == hourOf(r) && k.date == rollup.DateOf(r.Received)
}

func hourOf(r *rollup.Report) uint8 { return uint8(r.Received.UTC().Hour()) }
