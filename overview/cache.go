package overview

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/tasks"
)

// leased is a value that holds for a time. A clock that was set back ends the
// lease too.
type leased[V any] struct {
	value       V
	from, until time.Time
}

func (l leased[V]) valid(now time.Time) bool { return !now.Before(l.from) && now.Before(l.until) }

// forever is long enough for what does not change any more.
const forever = 100 * 365 * 24 * time.Hour

// lease returns a value that holds from now on.
func lease[V any](v V, now time.Time, ttl time.Duration) leased[V] {
	return leased[V]{v, now, now.Add(ttl)}
}

// era counts how often a cache was cleared.
type era uint64

// cache keeps leased values. Its keys are months of some 80 years, so it needs
// no bound of its own. It may be used concurrently.
type cache[K comparable, V any] struct {
	mu     sync.RWMutex
	values map[K]leased[V]
	era    era
}

// get returns what is kept under a key. Where it is not ok, put wants the era
// for what is computed from now on.
func (c *cache[K, V]) get(key K, now time.Time) (l leased[V], since era, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	l, ok = c.values[key]
	return l, c.era, ok && l.valid(now)
}

// put keeps a value whose computation began in an era. What was read before the
// cache was cleared is out of date, and is not kept.
func (c *cache[K, V]) put(key K, l leased[V], since era) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since != c.era {
		return
	}
	if c.values == nil {
		c.values = map[K]leased[V]{}
	}
	c.values[key] = l
}

// recall returns what is kept under a key, else what fn computes, once for all who ask
// meanwhile; cached tells which.
func recall[K comparable, V any](ctx context.Context, c *cache[K, V], f *flights[K, leased[V]], group *tasks.Group, key K, now time.Time,
	fn func() (leased[V], error),
) (l leased[V], cached bool, err error) {
	l, since, ok := c.get(key, now)
	if ok {
		return l, true, nil
	}
	l, err = f.do(ctx, group, key, since, func() (leased[V], error) {
		l, err := fn()
		if err == nil {
			c.put(key, l, since)
		}
		return l, err
	})
	return l, false, err
}

func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.era++
	clear(c.values)
}

// flights runs one computation per key at a time for all who ask meanwhile.
type flights[K comparable, V any] struct {
	mu      sync.Mutex
	flights map[flightKey[K]]*tasks.Flight[V]
}

// flightKey has an era too: who asks after a cache was cleared does not wait for
// what was read before.
type flightKey[K comparable] struct {
	key   K
	since era
}

// do returns what fn returns, or the error of ctx if that ends first, or
// [tasks.ErrClosed] once no task may start any more.
func (f *flights[K, V]) do(ctx context.Context, group *tasks.Group, key K, since era, fn func() (V, error)) (none V, err error) {
	fl, err := f.join(group, flightKey[K]{key, since}, fn)
	if err != nil {
		return none, err
	}
	return fl.Wait(ctx)
}

// join returns the flight under way, or starts it.
func (f *flights[K, V]) join(group *tasks.Group, key flightKey[K], fn func() (V, error)) (*tasks.Flight[V], error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fl, ok := f.flights[key]; ok {
		return fl, nil
	}
	fl, err := tasks.Begin(group, func() (V, error) {
		defer func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			delete(f.flights, key)
		}()
		return fn()
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if f.flights == nil {
		f.flights = map[flightKey[K]]*tasks.Flight[V]{}
	}
	f.flights[key] = fl
	return fl, nil
}
