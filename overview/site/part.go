package site

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/cozystack/cozystack-telemetry-server/overview/tasks"
)

// errPanic is what a part has that could not be made by a mistake of the code.
var errPanic = errors.New("site: panic")

// part is a value that is made when it is first asked for, once. The zero part is ready.
type part[T any] struct {
	once sync.Once
	// The value is there once landed is closed. It outlives the one who asked first: a client
	// that goes away must not fail the others.
	landed chan struct{}
	value  T
	err    error
}

// get returns what fn has returned, or the error of ctx if that ends first.
func (p *part[T]) get(ctx context.Context, group *tasks.Group, fn func() (T, error)) (none T, err error) {
	p.once.Do(func() { p.start(group, fn) })
	select {
	case <-p.landed:
		return p.value, p.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

func (p *part[T]) start(group *tasks.Group, fn func() (T, error)) {
	p.landed = make(chan struct{})
	err := group.Start(func() {
		defer close(p.landed)
		p.value, p.err = caught(fn)
	})
	if err != nil {
		p.err = err
		close(p.landed)
	}
}

// caught returns a panic of fn as an error: what one client asks must not end the process.
func caught[T any](fn func() (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	return fn()
}
