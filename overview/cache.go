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

// cache keeps leased values, and has each computed once for all who ask for it meanwhile.
// Its keys are months of some 80 years, so it needs no bound of its own. The zero cache is
// empty and ready. It may be used concurrently.
type cache[K comparable, V any] struct {
	mu     sync.RWMutex
	values map[K]leased[V]
	era    era

	flying  sync.Mutex // held for flights
	flights map[flightKey[K]]*tasks.Flight[leased[V]]
}

// flightKey has an era too: who asks after a cache was cleared does not wait for
// what was read before.
type flightKey[K comparable] struct {
	key   K
	since era
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

func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.era++
	clear(c.values)
}

// recall returns what is kept under a key, else what fn computes; cached tells which. It
// waits no longer than ctx. Once no task may start any more the error is ErrUnavailable.
func (c *cache[K, V]) recall(ctx context.Context, group *tasks.Group, key K, now time.Time, fn func() (leased[V], error),
) (l leased[V], cached bool, err error) {
	l, since, ok := c.get(key, now)
	if ok {
		return l, true, nil
	}
	f, err := c.join(group, flightKey[K]{key, since}, fn)
	if err != nil {
		return leased[V]{}, false, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	l, err = f.Wait(ctx)
	return l, false, err
}

// join returns the flight under way, or starts it.
func (c *cache[K, V]) join(group *tasks.Group, key flightKey[K], fn func() (leased[V], error)) (*tasks.Flight[leased[V]], error) {
	c.flying.Lock()
	defer c.flying.Unlock()
	if f, ok := c.flights[key]; ok {
		return f, nil
	}
	f, err := tasks.Begin(group, func() (leased[V], error) {
		defer c.land(key)
		l, err := fn()
		if err == nil {
			c.put(key.key, l, key.since)
		}
		return l, err
	})
	if err != nil {
		return nil, err
	}
	if c.flights == nil {
		c.flights = map[flightKey[K]]*tasks.Flight[leased[V]]{}
	}
	c.flights[key] = f
	return f, nil
}

func (c *cache[K, V]) land(key flightKey[K]) {
	c.flying.Lock()
	defer c.flying.Unlock()
	delete(c.flights, key)
}
