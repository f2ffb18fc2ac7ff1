package ingest

import (
	"hash/maphash"
	"net/netip"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// The shares that a network, and a region of networks, have of the half of the new
// ids that is kept for those that had little of it lately. Two clusters behind one NAT
// get in at once. A thousand networks that send without end take a thousand ids an
// hour, and by default 3600 are filled up in that time.
const (
	networkShare      = 2
	networkShareEvery = time.Hour
	regionShare       = 16
	regionShareEvery  = 4 * time.Minute
)

// shares holds what is left to networks, and to the regions that they are of. The
// owner's mutex guards it.
type shares struct {
	seed              maphash.Seed
	networks, regions *buckets
}

func newShares(tracked int, seed maphash.Seed) (*shares, error) {
	networks, err := newBuckets(tracked, networkShareEvery, networkShare)
	if err != nil {
		return nil, err
	}
	regions, err := newBuckets(tracked, regionShareEvery, regionShare)
	return &shares{seed: seed, networks: networks, regions: regions}, err
}

// left tells whether a network has something left of its share; what is no network has
// none. It remembers nothing of it, so that only what is taken needs memory.
func (s *shares) left(network netip.Prefix, now time.Time) bool {
	return network.IsValid() &&
		s.networks.left(maphash.Comparable(s.seed, network), now) &&
		s.regions.left(maphash.Comparable(s.seed, regionOf(network)), now)
}

// take uses up one of a network's share, and of its region's.
func (s *shares) take(network netip.Prefix, now time.Time) {
	s.networks.of(maphash.Comparable(s.seed, network)).AllowN(now, 1)
	s.regions.of(maphash.Comparable(s.seed, regionOf(network))).AllowN(now, 1)
}

// buckets are equal token buckets by key. Of too many, the least recently used are
// forgotten.
type buckets struct {
	*simplelru.LRU[uint64, *rate.Limiter]
	every time.Duration
	burst int
}

func newBuckets(tracked int, every time.Duration, burst int) (*buckets, error) {
	lru, err := simplelru.NewLRU[uint64, *rate.Limiter](tracked, nil)
	return &buckets{LRU: lru, every: every, burst: burst}, err
}

// of returns the bucket of a key, which is full if it has not been there.
func (b *buckets) of(key uint64) *rate.Limiter {
	bucket, ok := b.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(b.every), b.burst)
		b.Add(key, bucket)
	}
	return bucket
}

// left tells whether the bucket of a key has a token. It makes none.
func (b *buckets) left(key uint64, now time.Time) bool {
	bucket, ok := b.Peek(key)
	return !ok || bucket.TokensAt(now) >= 1
}
