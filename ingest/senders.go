package ingest

import (
	"net/http"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// SenderLimits bound how often one cluster id may report, and how many ids may
// appear that were never seen. The zero SenderLimits are the defaults, which two
// clients per cluster that report every 15 minutes, restart and retry never meet.
type SenderLimits struct {
	// Burst is how many reports of one id are taken at once. 0 means 60.
	Burst int
	// Every is how long it takes until one more is. 0 means 15 s.
	Every time.Duration
	// NewBurst is how many unknown ids are taken at once. 0 means 10 000.
	NewBurst int
	// NewEvery is how long it takes until one more is. 0 means 1 s.
	NewEvery time.Duration
	// Tracked is how many ids are remembered, the least recently seen forgotten
	// first. 0 means 200 000, which take some 50 MB.
	Tracked int
}

func (l SenderLimits) withDefaults() SenderLimits {
	if l.Burst == 0 {
		l.Burst = 60
	}
	if l.Every == 0 {
		l.Every = 15 * time.Second
	}
	if l.NewBurst == 0 {
		l.NewBurst = 10_000
	}
	if l.NewEvery == 0 {
		l.NewEvery = time.Second
	}
	if l.Tracked == 0 {
		l.Tracked = 200_000
	}
	return l
}

// senders holds one token bucket per cluster id, and one for unknown ids. Its
// memory is bounded by SenderLimits.Tracked.
type senders struct {
	limits SenderLimits
	// known tells whether the store has seen an id lately. It is asked once per id
	// that is not tracked.
	known func(id string) bool

	mu      sync.Mutex
	buckets *simplelru.LRU[string, *rate.Limiter]
	unknown *rate.Limiter
}

func newSenders(limits SenderLimits, known func(id string) bool) (*senders, error) {
	limits = limits.withDefaults()
	buckets, err := simplelru.NewLRU[string, *rate.Limiter](limits.Tracked, nil)
	if err != nil {
		return nil, err
	}
	return &senders{
		limits:  limits,
		known:   known,
		buckets: buckets,
		unknown: rate.NewLimiter(rate.Every(limits.NewEvery), limits.NewBurst),
	}, nil
}

// admit takes a token for a report of an id, or refuses it.
func (s *senders) admit(id string, now time.Time) error {
	s.mu.Lock()
	bucket, tracked := s.buckets.Get(id)
	s.mu.Unlock()
	if !tracked {
		if !s.known(id) && !s.unknown.AllowN(now, 1) {
			return refuseSender("too many new cluster ids", s.limits.NewEvery)
		}
		bucket = s.track(id)
	}
	if !bucket.AllowN(now, 1) {
		return refuseSender("too many reports of this cluster", s.limits.Every)
	}
	return nil
}

// track gives an id its bucket, unless another request has just done so.
func (s *senders) track(id string) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	bucket, ok := s.buckets.Get(id)
	if !ok {
		bucket = rate.NewLimiter(rate.Every(s.limits.Every), s.limits.Burst)
		s.buckets.Add(id, bucket)
	}
	return bucket
}

func refuseSender(text string, retryAfter time.Duration) error {
	return &Refusal{Status: http.StatusTooManyRequests, Text: text, RetryAfter: retryAfter}
}
