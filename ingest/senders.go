package ingest

import (
	"cmp"
	"hash/maphash"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// SenderLimits bound how often one cluster id may report, and how many ids may
// appear that were never seen. What is 0 is as in DefaultSenderLimits.
type SenderLimits struct {
	// Burst is how many reports of one id are taken at once.
	Burst int
	// Every is how long it takes until one more is.
	Every time.Duration
	// NewBurst is how many unknown ids are taken at once. Half of them are kept for
	// networks that had little of that half lately.
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
	// OnUnnamedProxy, if set, is told of each sign that a proxy is missing in Proxies,
	// once. It is called while a request waits, possibly concurrently.
	OnUnnamedProxy func(ProxySign)
	// Tracked is how many ids are remembered, the least recently seen forgotten
	// first.
	Tracked int
	// TrackedNetworks says the same of networks, and of the larger networks that they
	// are of.
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

// senders holds one token bucket per id, one per network that unknown ids came from, one
// per network for what is yet to be read, one for its previews, one for all unknown ids, and the shares of half of
// that. Its memory
// is bounded by Tracked and TrackedNetworks. Ids and networks are kept as salted hashes only.
type senders struct {
	limits SenderLimits
	// what is what senders are called.
	what string
	// known tells whether the store has seen an id lately. It is asked once per id
	// that is not tracked.
	known func(id string) bool
	seed  maphash.Seed
	watch *proxyWatch

	mu       sync.Mutex
	buckets  *buckets
	networks *buckets
	unread   *buckets
	previews *buckets
	shares   *shares
	unknown  *rate.Limiter
}

func newSenders(limits SenderLimits, known func(id string) bool) (*senders, error) {
	limits = limits.withDefaults()
	ids, err := newBuckets(limits.Tracked, limits.Every, limits.Burst)
	if err != nil {
		return nil, err
	}
	networks, err := newBuckets(limits.TrackedNetworks, limits.NetworkNewEvery, limits.NetworkNewBurst)
	if err != nil {
		return nil, err
	}
	unread, err := newBuckets(limits.TrackedNetworks, limits.NewEvery, limits.NetworkNewBurst)
	if err != nil {
		return nil, err
	}
	previews, err := newBuckets(limits.TrackedNetworks, limits.Every, limits.Burst)
	if err != nil {
		return nil, err
	}
	seed := maphash.MakeSeed()
	shares, err := newShares(limits.TrackedNetworks, seed)
	if err != nil {
		return nil, err
	}
	return &senders{
		limits:   limits,
		what:     "cluster",
		known:    known,
		seed:     seed,
		watch:    &proxyWatch{proxies: limits.Proxies, tell: limits.OnUnnamedProxy},
		buckets:  ids,
		networks: networks,
		unread:   unread,
		previews: previews,
		shares:   shares,
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
		network := networkOf(s.limits.Proxies.origin(r))
		s.watch.see(r, network)
		if !s.known(id) {
			if err := s.admitNew(network, now); err != nil {
				return err
			}
		}
		bucket = s.track(key)
	}
	if !bucket.AllowN(now, 1) {
		return refuseSender("too many reports of this "+s.what, s.limits.Every)
	}
	return nil
}

// admitUnread takes a token for a request that only its body tells the sender of: of the
// network that it came from, if it came from any. So no network makes the server read and
// decode without end.
func (s *senders) admitUnread(r *http.Request, now time.Time) error {
	network := networkOf(s.limits.Proxies.origin(r))
	if !network.IsValid() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.unread.of(maphash.Comparable(s.seed, network)).AllowN(now, 1) {
		return refuseSender("too many reports from one network", s.limits.NewEvery)
	}
	return nil
}

// admitPreview takes a token for a preview. Whose it would be is anybody's word, so that it
// takes nothing of an id: a network previews as often as one sender reports, and all that come
// from none do together.
func (s *senders) admitPreview(r *http.Request, now time.Time) error {
	network := networkOf(s.limits.Proxies.origin(r))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.previews.of(maphash.Comparable(s.seed, network)).AllowN(now, 1) {
		return refuseSender("too many previews from one network", s.limits.Every)
	}
	return nil
}

// admitNew takes a token for an unknown id from a network, which may be none.
// Who is refused for one reason uses up nothing of the other budgets: a network
// that sends too much takes nothing from the rest, and while all are refused no
// network is remembered for it. The lower half of all tokens is kept for networks
// that have something left of their share.
func (s *senders) admitNew(network netip.Prefix, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.unknown.TokensAt(now)
	// Where no proxy is named, and this may come through one, all the world is alike:
	// there is nobody to keep a half for.
	keeps := network.IsValid() || len(s.limits.Proxies) > 0
	kept := keeps && left < float64(1+s.limits.NewBurst/2)
	if left < 1 || kept && !s.shares.left(network, now) {
		return refuseSender("too many new "+s.what+" ids", s.limits.NewEvery)
	}
	if network.IsValid() && !s.networks.of(maphash.Comparable(s.seed, network)).AllowN(now, 1) {
		return refuseSender("too many new "+s.what+" ids from one network", s.limits.NetworkNewEvery)
	}
	if kept {
		s.shares.take(network, now)
	}
	s.unknown.AllowN(now, 1)
	return nil
}

// track gives an id its bucket, unless another request has just done so.
func (s *senders) track(key uint64) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buckets.of(key)
}

func refuseSender(text string, retryAfter time.Duration) error {
	return &Refusal{Status: http.StatusTooManyRequests, Reason: TooMany, Text: text, RetryAfter: retryAfter}
}
