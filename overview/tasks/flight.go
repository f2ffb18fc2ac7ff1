package tasks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
)

// ErrPanic is wrapped by the error of a flight that a mistake of the code has ended.
var ErrPanic = errors.New("panic")

// Flight is one computation for all who wait for it. It outlives who has started it: a client
// that goes away must not fail the others. Who waits has no goroutine of its own. Create it
// with [Begin]; its methods may be called concurrently.
type Flight[T any] struct {
	landed chan struct{} // closed once the value is there
	value  T
	err    error
}

// Begin starts a computation in a group. It fails with ErrClosed.
func Begin[T any](group *Group, fn func() (T, error)) (*Flight[T], error) {
	f := &Flight[T]{landed: make(chan struct{})}
	err := group.Start(func() {
		defer close(f.landed)
		f.value, f.err = Caught(fn)
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// Wait returns what the computation has returned, or the error of ctx if that ends first.
func (f *Flight[T]) Wait(ctx context.Context) (none T, err error) {
	select {
	case <-f.landed:
		return f.value, f.err
	case <-ctx.Done():
		return none, ctx.Err()
	}
}

// Caught returns what fn does, and a panic of it as an error that wraps ErrPanic: what one
// client asks must not end the process.
func Caught[T any](fn func() (T, error)) (value T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v\n%s", ErrPanic, p, debug.Stack())
		}
	}()
	return fn()
}
