package ingest

import (
	"cmp"
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// SenderLimits bound how often one cluster id may report, and how many ids may
// appear that were never seen. What is 0 is as in DefaultSenderLimits.
type SenderLimits struct {
	// Burst is how many reports of one id are taken at once.
	Burst int
	// Every is how long it takes until one more is.
	Every time.Duration
	// NewBurst is how many unknown ids are taken at once.
	NewBurst int
	// NewEvery is how long it takes until one more is.
	NewEvery time.Duration
	// NetworkNewBurst and NetworkNewEvery say the same of the unknown ids of one
	// network.
	NetworkNewBurst int
	NetworkNewEvery time.Duration
	// Proxies are believed about where a request came from. Without any, the
	// network is that of the peer.
	Proxies Proxies
	// Tracked is how many ids are remembered, the least recently seen forgotten
	// first.
	Tracked int
	// TrackedNetworks says the same of networks.
	TrackedNetworks int
}

// DefaultSenderLimits returns the limits that two clients per cluster that report
// every 15 minutes, restart and retry never meet.
func DefaultSenderLimits() SenderLimits {
	return SenderLimits{
		Burst:           60,
		Every:           15 * time.Second,
		NewBurst:        10_000,
		NewEvery:        time.Second,
		NetworkNewBurst: 1000,
		NetworkNewEvery: 10 * time.Second,
		Tracked:         200_000, // which take some 50 MB
		TrackedNetworks: 20_000,
	}
}

func (l SenderLimits) withDefaults() SenderLimits {
	d := DefaultSenderLimits()
	l.Burst = cmp.Or(l.Burst, d.Burst)
	l.Every = cmp.Or(l.Every, d.Every)
	l.NewBurst = cmp.Or(l.NewBurst, d.NewBurst)
	l.NewEvery = cmp.Or(l.NewEvery, d.NewEvery)
	l.NetworkNewBurst = cmp.Or(l.NetworkNewBurst, d.NetworkNewBurst)
	l.NetworkNewEvery = cmp.Or(l.NetworkNewEvery, d.NetworkNewEvery)
	l.Tracked = cmp.Or(l.Tracked, d.Tracked)
	l.TrackedNetworks = cmp.Or(l.TrackedNetworks, d.TrackedNetworks)
	return l
}

// senders holds one token bucket per cluster id, one per network that unknown
// ids came from, and one for all unknown ids. Its memory is bounded by Tracked
// and TrackedNetworks. Ids and networks are kept as salted hashes only.
type senders struct {
	limits SenderLimits
	// known tells whether the store has seen an id lately. It is asked once per id
	// that is not tracked.
	known func(id string) bool
	seed  maphash.Seed

	mu       sync.Mutex
	buckets  *simplelru.LRU[uint64, *rate.Limiter]
	networks *simplelru.LRU[uint64, *rate.Limiter]
	unknown  *rate.Limiter
}

func newSenders(limits SenderLimits, known func(id string) bool) (*senders, error) {
	limits = limits.withDefaults()
	buckets, err := simplelru.NewLRU[uint64, *rate.Limiter](limits.Tracked, nil)
	if err != nil {
		return nil, err
	}
	networks, err := simplelru.NewLRU[uint64, *rate.Limiter](limits.TrackedNetworks, nil)
	if err != nil {
		return nil, err
	}
	return &senders{
		limits:   limits,
		known:    known,
		seed:     maphash.MakeSeed(),
		buckets:  buckets,
		networks: networks,
		unknown:  rate.NewLimiter(rate.Every(limits.NewEvery), limits.NewBurst),
	}, nil
}

// admit takes a token for a request that reports for an id, or refuses it.
func (s *senders) admit(id string, r *http.Request, now time.Time) error {
	key := maphash.String(s.seed, id)
	s.mu.Lock()
	bucket, tracked := s.buckets.Get(key)
	s.mu.Unlock()
	if !tracked {
		if !s.known(id) {
			if err := s.admitNew(networkOf(s.limits.Proxies.origin(r)), now); err != nil {
				return err
			}
		}
		bucket = s.track(key)
	}
	if !bucket.AllowN(now, 1) {
		return refuseSender("too many reports of this cluster", s.limits.Every)
	}
	return nil
}

// admitNew takes a token for an unknown id from a network, which may be none.
// Who is refused for one reason uses up nothing of the other budget: a network
// that sends too much takes nothing from the rest, and while all are refused no
// network is remembered for it.
func (s *senders) admitNew(network netip.Prefix, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unknown.TokensAt(now) < 1 {
		return refuseSender("too many new cluster ids", s.limits.NewEvery)
	}
	if network.IsValid() && !s.network(network).AllowN(now, 1) {
		return refuseSender("too many new cluster ids from one network", s.limits.NetworkNewEvery)
	}
	s.unknown.AllowN(now, 1)
	return nil
}

// network returns the bucket of a network. The caller holds the mutex.
func (s *senders) network(network netip.Prefix) *rate.Limiter {
	key := maphash.Comparable(s.seed, network)
	bucket, ok := s.networks.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(s.limits.NetworkNewEvery), s.limits.NetworkNewBurst)
		s.networks.Add(key, bucket)
	}
	return bucket
}

// track gives an id its bucket, unless another request has just done so.
func (s *senders) track(key uint64) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	bucket, ok := s.buckets.Get(key)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(s.limits.Every), s.limits.Burst)
		s.buckets.Add(key, bucket)
	}
	return bucket
}

func refuseSender(text string, retryAfter time.Duration) error {
	return &Refusal{Status: http.StatusTooManyRequests, Reason: TooMany, Text: text, RetryAfter: retryAfter}
}
