package overview

import (
	"fmt"
	"sync"
)

// errClosed is returned for what was asked after Close: a handler that was cut
// off when the server stopped may still be at it.
var errClosed = fmt.Errorf("%w: the server is going down", ErrUnavailable)

// tasks are the goroutines of an Overview. A WaitGroup alone would not do: it
// must not grow from nothing while somebody waits for it.
type tasks struct {
	mu     sync.Mutex // orders start and close
	closed bool
	wg     sync.WaitGroup
}

// start runs fn on a goroutine of its own. After close it runs nothing and
// returns errClosed.
func (t *tasks) start(fn func()) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	t.wg.Go(fn)
	return nil
}

// close lets no more tasks start, and waits for those that have.
func (t *tasks) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.wg.Wait()
}
