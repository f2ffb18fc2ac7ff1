package appsource

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultURL is where GitHub lists the folder packages/apps of cozystack.
const DefaultURL = "https://api.github.com/repos/cozystack/cozystack/contents/packages/apps"

// interval is the least time between two questions: without a token GitHub
// answers 60 an hour to an address.
const interval = time.Hour

// Store keeps the last good list across restarts. Its methods may be called
// concurrently with the store's other work, but never with each other.
type Store interface {
	// AppList returns what was last put, or nil if nothing was. The caller does
	// not change it.
	AppList() (data []byte, err error)
	// PutAppList keeps data in place of what was put before. It returns once
	// data is durable, and does not hold on to it.
	PutAppList(ctx context.Context, data []byte) error
}

// Config configures a [Source].
type Config struct {
	// URL answers as GitHub does for a folder's content, see [DefaultURL]. If
	// empty, nothing is ever asked.
	URL string
	// Transport does the requests; nil means [http.DefaultTransport].
	Transport http.RoundTripper
	// UserAgent names the product to the list's server, which must not be told
	// more; empty means "cozy-telemetry-server".
	UserAgent string
	// Now is the clock. It must be set.
	Now func() time.Time
	// Store keeps the list. It must be set.
	Store Store
}

func (c Config) withDefaults() Config {
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.UserAgent == "" {
		c.UserAgent = "cozy-telemetry-server"
	}
	return c
}

// Source knows the list of applications. All methods may be called
// concurrently.
type Source struct {
	cfg     Config
	table   table
	fetcher *fetcher

	// names is made from list. It is replaced, never changed, so reading it
	// takes no lock.
	names atomic.Pointer[names]

	mu   sync.Mutex // held by Load and Refresh, the fetch included
	list List
	// asked is when the server was last asked, whatever came of it, so that
	// errors are not followed by more questions either.
	asked time.Time
}

// New returns a source that knows the built-in list.
func New(cfg Config) *Source {
	cfg = cfg.withDefaults()
	s := &Source{cfg: cfg, table: readTable(), fetcher: newFetcher(cfg)}
	s.use(List{Names: s.table.listed})
	return s
}

// use takes a list. The caller holds mu, or is alone.
func (s *Source) use(l List) {
	s.list, s.asked = l, l.FetchedAt
	s.names.Store(newNames(s.table, l.Names))
}

// Load takes the stored list, if there is one. After an error, of the store or
// [ErrBadList], the source goes on with the list it had.
func (s *Source) Load() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, err := s.cfg.Store.AppList()
	if err != nil {
		return fmt.Errorf("appsource: load: %w", err)
	}
	if data == nil {
		return nil
	}
	l, err := decodeStored(data)
	if err != nil {
		return err
	}
	s.use(l)
	return nil
}

// Refresh asks for the list, if an hour has passed since that was last done,
// and stores it; changed tells whether the names are others than before. After
// [ErrFetch] and [ErrBadList] the last good list stays. After an error of the
// store the new one is used all the same.
func (s *Source) Refresh(ctx context.Context) (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	if s.cfg.URL == "" || s.dueIn(now) > 0 {
		return false, nil
	}
	s.asked = now
	names, etag, err := s.fetcher.fetch(ctx, s.list.ETag)
	if err != nil {
		return false, err
	}
	if names == nil {
		names = s.list.Names
	}
	changed = !slices.Equal(names, s.list.Names)
	s.use(List{Names: names, ETag: etag, FetchedAt: now.UTC()})
	return changed, s.store(ctx)
}

func (s *Source) store(ctx context.Context) error {
	data, err := json.Marshal(s.list)
	if err != nil {
		return fmt.Errorf("appsource: encode: %w", err)
	}
	if err := s.cfg.Store.PutAppList(ctx, data); err != nil {
		return fmt.Errorf("appsource: store: %w", err)
	}
	return nil
}

// dueIn returns how long to wait until the server may be asked; 0 if it may be
// now. A last time that lies in the future is a clock that was set back, and no
// reason to wait for it.
func (s *Source) dueIn(now time.Time) time.Duration {
	since := now.Sub(s.asked)
	if since < 0 || since >= interval {
		return 0
	}
	return interval - since
}

// Run keeps the list fresh until ctx is done: it asks at once if that is due,
// then hourly. Each error goes to onError, called from this goroutine. Without
// an URL it returns at once.
func (s *Source) Run(ctx context.Context, onError func(error)) {
	if s.cfg.URL == "" {
		return
	}
	for ctx.Err() == nil {
		if _, err := s.Refresh(ctx); err != nil && ctx.Err() == nil {
			onError(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.wait()):
		}
	}
}

func (s *Source) wait() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dueIn(s.cfg.Now())
}

// App returns the application that a kind belongs to; an unknown kind is
// returned as it is.
func (s *Source) App(kind string) string { return s.names.Load().app(kind) }

// ByApp adds up by application the kinds that [Source.Keep] keeps. Every listed
// application is present, even when 0, another one only above 0. A kind that no
// application is known for is its own key. Sums saturate at 2^53.
func (s *Source) ByApp(kinds map[string]int64) map[string]int64 { return s.names.Load().byApp(kinds) }

// Keep returns the kinds that can be shown: all that belong to a known
// application, and of the others the 100 with the highest counts, by name where
// those are equal. Kinds that differ only in case or hyphens are one, under the
// first spelling in lexical order. Left out is what is no kind to Kubernetes, and
// what has no count above 0. To keep twice changes nothing.
func (s *Source) Keep(kinds map[string]int64) map[string]int64 { return s.names.Load().keep(kinds) }
