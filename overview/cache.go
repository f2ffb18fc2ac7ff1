package overview

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
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

// cache keeps leased values. Its keys are months of some 80 years, so it needs
// no bound of its own. It may be used concurrently.
type cache[K comparable, V any] struct {
	mu     sync.RWMutex
	values map[K]leased[V]
}

func (c *cache[K, V]) get(key K, now time.Time) (leased[V], bool) {
	c.mu.RLock()
	l, ok := c.values[key]
	c.mu.RUnlock()
	return l, ok && l.valid(now)
}

func (c *cache[K, V]) put(key K, l leased[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.values == nil {
		c.values = map[K]leased[V]{}
	}
	c.values[key] = l
}

func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.values)
}

// flights runs one computation per key at a time for all who ask meanwhile. A
// computation outlives the caller that started it: one client that goes away
// must not fail the others.
type flights[V any] struct{ group singleflight.Group }

type landed[V any] struct {
	value V
	err   error
}

// do returns what fn returns, or the error of ctx if that ends first. wg counts
// the goroutines that are still under way.
func (f *flights[V]) do(ctx context.Context, wg *sync.WaitGroup, key string, fn func() (V, error)) (V, error) {
	done := make(chan landed[V], 1)
	wg.Go(func() {
		v, err, _ := f.group.Do(key, func() (any, error) { return fn() })
		value, _ := v.(V)
		done <- landed[V]{value, err}
	})
	select {
	case l := <-done:
		return l.value, l.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}
