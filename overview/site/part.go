package site

import (
	"context"
	"sync"

	"github.com/cozystack/cozystack-telemetry-server/overview/tasks"
)

// part is a value that is made when it is first asked for, once. The zero part is ready.
type part[T any] struct {
	once   sync.Once
	flight *tasks.Flight[T]
	err    error // why there is no flight
}

// get returns what fn has returned, or the error of ctx if that ends first.
func (p *part[T]) get(ctx context.Context, group *tasks.Group, fn func() (T, error)) (none T, err error) {
	p.once.Do(func() { p.flight, p.err = tasks.Begin(group, fn) })
	if p.err != nil {
		return none, p.err
	}
	return p.flight.Wait(ctx)
}
