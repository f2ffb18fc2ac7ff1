package load

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Message is a report as anybody might send it.
type Message struct {
	// Cluster is the id that it claims.
	Cluster string
	// From is the address that a proxy would say it comes from; empty: none says so.
	From string
	// Body is compressed with gzip if Zipped says so.
	Body   []byte
	Zipped bool
}

// SendOptions says what [Send] sends.
type SendOptions struct {
	// URL is the telemetry server's endpoint.
	URL string
	// Conns is how many connections are used at once; 0 means 32.
	Conns int
	// Every is the time between two messages; 0 means as fast as the server answers.
	Every time.Duration
	// Next returns message n, counted from 0; ok is false when there are no more. It is
	// called by all connections at once.
	Next func(n int) (m Message, ok bool)
	// Answered, if set, is told the status of each message that has one, as Next by all
	// connections at once.
	Answered func(n, status int)
	// Now is the clock. It must be set.
	Now func() time.Time
}

// Send sends messages to a telemetry server and returns what came of them. The error is
// of the options, or that of ctx together with the result so far.
func Send(ctx context.Context, o SendOptions) (Result, error) {
	t, err := newTarget(o.URL, false)
	if err != nil {
		return Result{}, err
	}
	if o.Conns < 0 || o.Every < 0 {
		return Result{}, fmt.Errorf("%w: connections and time must be positive", ErrOptions)
	}
	m := &messenger{SendOptions: o, pace: pace{o.Now, o.Now()}, tally: newTally(0)}
	var wg sync.WaitGroup
	for range cmp.Or(o.Conns, defaultConns) {
		wg.Go(func() { m.run(ctx, newConn(t)) })
	}
	wg.Wait()
	return m.tally.result(o.Now().Sub(m.start)), ctx.Err()
}

// messenger deals out the messages to all connections.
type messenger struct {
	SendOptions
	pace
	tally *tally
	dealt atomic.Int64
}

func (m *messenger) run(ctx context.Context, c *conn) {
	defer c.close()
	for {
		n := int(m.dealt.Add(1) - 1)
		next, ok := m.Next(n)
		if !ok {
			return
		}
		began, ok := m.begin(ctx, m.Every*time.Duration(n))
		if !ok {
			return
		}
		status, err := c.postMessage(ctx, next)
		if ctx.Err() != nil && err != nil {
			return
		}
		m.tally.add(nil, status, err, m.now().Sub(began))
		if err == nil && m.Answered != nil {
			m.Answered(n, status)
		}
	}
}
