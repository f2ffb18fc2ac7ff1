// Package tasks is how what takes long is counted: on goroutines that outlive a request, and
// end before what they read is closed (tasks.go), once for all who wait for it (flight.go),
// and not again before a rest (rest.go).
package tasks

import (
	"errors"
	"sync"
)

// ErrClosed is returned for what was started after Close: a handler that was cut off when
// the server stopped may still be at it.
var ErrClosed = errors.New("the server is going down")

// Group is a set of goroutines. The zero Group is empty and ready. Its methods may be called
// concurrently. A WaitGroup alone would not do: it must not grow from nothing while somebody
// waits for it.
type Group struct {
	mu     sync.Mutex // orders Start and Close
	closed bool
	wg     sync.WaitGroup
}

// Start runs fn on a goroutine of its own. After Close it runs nothing and returns
// ErrClosed.
func (g *Group) Start(fn func()) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return ErrClosed
	}
	g.wg.Go(fn)
	return nil
}

// Close lets no more goroutines start, and waits for those that have.
func (g *Group) Close() {
	g.mu.Lock()
	g.closed = true
	g.mu.Unlock()
	g.wg.Wait()
}
