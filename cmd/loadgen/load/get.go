package load

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// GetOptions says what [Get] asks for.
type GetOptions struct {
	// URL is what is asked for, again and again.
	URL string
	// Conns is how many connections are used at once; 0 means 32.
	Conns int
	// Count is how many requests are sent, Rate how many a second; 0 means as fast
	// as the server answers.
	Count int
	Rate  float64
	// Header is sent with each request; nil is nothing.
	Header http.Header
	// Now is the clock. It must be set.
	Now func() time.Time
}

// Get asks a server for the same thing many times, and measures. The error is of
// the options, or that of ctx together with the result so far.
func Get(ctx context.Context, o GetOptions) (Result, error) {
	t, err := newRequest("GET", o.URL)
	if err != nil {
		return Result{}, err
	}
	var header strings.Builder
	_ = o.Header.Write(&header) // a builder takes everything
	t.head += header.String()
	if o.Conns < 0 || o.Count < 1 || o.Rate < 0 {
		return Result{}, fmt.Errorf("%w: connections, count and rate must be positive", ErrOptions)
	}
	g := &getter{pace: pace{o.Now, o.Now()}, tally: newTally(0), count: int64(o.Count)}
	if o.Rate > 0 {
		g.interval = time.Duration(float64(time.Second) / o.Rate)
	}
	var wg sync.WaitGroup
	for range min(cmp.Or(o.Conns, defaultConns), o.Count) {
		wg.Go(func() { g.run(ctx, newConn(t)) })
	}
	wg.Wait()
	return g.tally.result(o.Now().Sub(g.start)), ctx.Err()
}

// getter deals out the requests to all connections.
type getter struct {
	pace
	tally    *tally
	interval time.Duration
	count    int64
	dealt    atomic.Int64
}

func (g *getter) run(ctx context.Context, c *conn) {
	defer c.close()
	for {
		n := g.dealt.Add(1) - 1
		if n >= g.count {
			return
		}
		began, ok := g.begin(ctx, g.interval*time.Duration(n))
		if !ok {
			return
		}
		status, err := c.get(ctx)
		if ctx.Err() != nil && err != nil {
			return
		}
		g.tally.add(nil, status, err, g.now().Sub(began))
	}
}
