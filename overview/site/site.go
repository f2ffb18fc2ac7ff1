package site

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2/simplelru"
	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/tasks"
	"github.com/cozystack/cozystack-telemetry-server/overview/web"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Census counts what the records of single clusters tell. Methods may be called concurrently.
// What they return is shared, and is not changed any more. A month without data is
// [census.ErrNoData].
type Census interface {
	Breakdown(ctx context.Context, month rollup.MonthID) (*published.Breakdown, error)
	Adoption(ctx context.Context) (*published.Adoption, error)
	Retention(ctx context.Context) (*published.Retention, error)
	// Forget drops all that was counted of records that are there no more.
	Forget()
}

// Config is what a [Site] is told. Now, Products and LastReport are required.
type Config struct {
	// Now is the clock.
	Now func() time.Time
	// Logger gets the causes that clients are not shown. The zero Logger is silent.
	Logger zerolog.Logger
	// Products are those that reports are taken of; the page begins with the first.
	Products []string
	// ConfirmDays is on how many days a confirmed cluster is seen, MinShare of how many
	// clusters a value tells at least, and Replicas how many servers share the clusters.
	ConfirmDays int
	MinShare    int64
	Replicas    int
	// EmbedOrigins may show the main figures in a frame, such as https://example.org. Without
	// any nobody may.
	EmbedOrigins []string
	// LastReport returns the hour of the newest report of a product; ok is false without any.
	LastReport func(product string) (hour time.Time, ok bool, err error)
}

// Site answers for all that the world may look at. Create it with [New]. Its methods may be
// called concurrently.
type Site struct {
	cfg      Config
	overview *overview.Overview
	census   Census
	web      *web.Renderer
	assets   map[string]*httpanswer.Answer // by path
	desk     desk

	// base ends with Close; what is counted runs under it, not under a request.
	base  context.Context
	stop  context.CancelFunc
	tasks tasks.Group

	mu sync.Mutex
	// era is that of the overview when it was last looked at.
	era uint64
	// kept are the publications that were asked for last: nobody fills the memory by asking.
	kept *lru.LRU[Key, *Publication]
}

// mostKept is how many publications are kept: some for each month of two years.
const mostKept = 64

// New returns a Site. Close it before what it counts from.
func New(o *overview.Overview, census Census, cfg Config) (*Site, error) {
	if cfg.Now == nil {
		return nil, errors.New("site: a clock is required")
	}
	if len(cfg.Products) == 0 || cfg.LastReport == nil {
		return nil, errors.New("site: products, and when they last reported, are required")
	}
	s := &Site{cfg: cfg, overview: o, census: census, desk: newDesk()}
	var err error
	if s.web, err = web.New(); err != nil {
		return nil, err
	}
	s.assets = assetsOf(s.web)
	if s.kept, err = lru.NewLRU[Key, *Publication](mostKept, nil); err != nil {
		return nil, err
	}
	s.base, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Close ends what is just being counted and waits for it. What is asked after it fails.
func (s *Site) Close() {
	s.stop()
	s.tasks.Close()
}

// Publication returns what is published now: the same one for a second at least, and for
// longer where it is dear to count.
func (s *Site) Publication(key Key) *Publication {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, era := s.cfg.Now(), s.forgetGone()
	if p, ok := s.kept.Get(key); ok && p.lives(now, era) {
		return p
	}
	p := &Publication{
		Key: key, site: s, era: era, begun: now, until: now.Add(shortestLife),
		forms: map[string]*part[*httpanswer.Answer]{},
	}
	s.kept.Add(key, p)
	return p
}

// forgetGone lets the census drop what was removed since it was last called, and returns the
// era of the overview. The caller holds the lock.
func (s *Site) forgetGone() uint64 {
	if era := s.overview.Era(); s.era != era {
		s.era = era
		s.census.Forget()
	}
	return s.era
}

// warn logs why a part is not there.
func (s *Site) warn(err error, key Key) {
	s.cfg.Logger.Warn().Err(err).Str("product", key.Product).Stringer("month", key.Month).Msg("a part of what is published can't be counted")
}
