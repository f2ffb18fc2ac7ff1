// Package lobby bounds the connections of a HTTP server, and lets a few more come
// far enough to ask for its health.
package lobby

import (
	"container/list"
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// ErrFull is returned when there was no room in time, or too many wait.
var ErrFull = errors.New("lobby: too many connections")

// guests is how many connections may wait beyond the bound.
const guests = 256

// Lobby lets a number of connections in. One more takes the place of the one that
// has been idle for longest. Where none is idle, it is a guest: its request is
// read, and waits in [Lobby.Enter] until there is room. Probes need not enter.
// When too many wait, the guest that has waited longest is turned away. Create it
// with [New]. Its methods may be called concurrently.
type Lobby struct {
	most     int
	patience time.Duration

	// mu guards what follows, and the fields of each conn that say so. A conn that
	// is inside is counted in inside, and in idle while it is; a guest is in
	// waiting; there is none while there is room, or somebody idle.
	mu      sync.Mutex
	inside  int
	idle    list.List // of *conn, the longest idle one first
	waiting list.List // of *conn, the one that waits longest first
}

// New returns a Lobby for at most so many connections at a time, at least 1. A
// request waits for room no longer than patience.
func New(most int, patience time.Duration) *Lobby { return &Lobby{most: most, patience: patience} }

// conn is a connection that knows where it is.
type conn struct {
	net.Conn
	lobby *Lobby
	// decided is closed when a guest is let in or turned away.
	decided chan struct{}

	// Of lobby.mu.
	place  *list.Element // in idle or waiting
	guest  bool
	asking bool // a request waits in Enter
	gone   bool
}

type contextKey struct{}

// Serve makes a server and its listener use the lobby. Serve the listener that it
// returns, with this server alone.
func (l *Lobby) Serve(server *http.Server, socket net.Listener) net.Listener {
	server.ConnState = l.changed
	server.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, contextKey{}, c)
	}
	return listener{socket, l}
}

type listener struct {
	net.Listener
	lobby *Lobby
}

// Accept implements net.Listener. It does not wait for room.
func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return l.lobby.arrive(c), nil
}

// Enter waits until the connection of a request is inside. It returns [ErrFull] or
// the error of ctx if that takes too long. ctx is the request's.
func (l *Lobby) Enter(ctx context.Context) error {
	c, ok := ctx.Value(contextKey{}).(*conn)
	if !ok || !l.ask(c) {
		return nil
	}
	timeout := time.NewTimer(l.patience)
	defer timeout.Stop()
	select {
	case <-c.decided:
	case <-timeout.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	if l.IsGuest(ctx) {
		return ErrFull
	}
	return nil
}

// IsGuest tells whether the connection of a request waits for room, or was turned
// away. It should be closed after the answer.
func (l *Lobby) IsGuest(ctx context.Context) bool {
	c, ok := ctx.Value(contextKey{}).(*conn)
	if !ok {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return c.guest
}

// ask notes that a guest's request waits. It returns false for one that is inside.
func (l *Lobby) ask(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.asking = c.guest
	return c.guest
}

// arrive takes a new connection in.
func (l *Lobby) arrive(socket net.Conn) *conn {
	c := &conn{Conn: socket, lobby: l, decided: make(chan struct{})}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.inside >= l.most && l.idle.Len() > 0 {
		l.drop(l.idle.Front().Value.(*conn))
	}
	if l.inside < l.most {
		l.inside++
		return c
	}
	c.guest, c.place = true, l.waiting.PushBack(c)
	if l.waiting.Len() > guests {
		l.turnAway(l.waiting.Front().Value.(*conn))
	}
	return c
}

// changed is told by net/http what becomes of a connection.
func (l *Lobby) changed(socket net.Conn, state http.ConnState) {
	c, ok := socket.(*conn)
	if !ok {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.gone || c.guest {
		return
	}
	switch {
	case state == http.StateIdle && l.waiting.Len() > 0:
		l.drop(c)
	case state == http.StateIdle:
		c.place = l.idle.PushBack(c)
	case c.place != nil:
		l.idle.Remove(c.place)
		c.place = nil
	}
}

// Close implements net.Conn, and makes room.
func (c *conn) Close() error {
	c.lobby.mu.Lock()
	c.lobby.leave(c)
	c.lobby.mu.Unlock()
	return c.Conn.Close()
}

// The methods below are called with mu.

// drop closes a connection that nobody uses.
func (l *Lobby) drop(c *conn) {
	l.leave(c)
	_ = c.Conn.Close() // net/http meets the error
}

// leave takes a connection out and lets the next guest in.
func (l *Lobby) leave(c *conn) {
	if c.gone {
		return
	}
	c.gone = true
	if c.guest {
		if c.place != nil {
			l.waiting.Remove(c.place)
			c.place = nil
		}
		return
	}
	if c.place != nil {
		l.idle.Remove(c.place)
		c.place = nil
	}
	l.inside--
	if next := l.waiting.Front(); next != nil {
		guest := l.waiting.Remove(next).(*conn)
		guest.guest, guest.place = false, nil
		l.inside++
		close(guest.decided)
	}
}

// turnAway ends a guest: with an answer, if its request is there.
func (l *Lobby) turnAway(c *conn) {
	if !c.asking {
		l.drop(c)
		return
	}
	l.waiting.Remove(c.place)
	c.place = nil
	close(c.decided)
}
