package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Queue holds the blocks that wait to be forwarded. Methods may be called
// concurrently.
type Queue interface {
	// Peek returns the oldest blocks in order, up to maxBytes of lines, but at
	// least one if any waits. They stay in the queue until Remove.
	Peek(maxBytes int) ([]rollup.Block, error)
	// Remove takes blocks out, durably. Blocks that are gone are no error.
	Remove(ctx context.Context, blocks []rollup.Block) error
	// Queued returns a channel that receives after blocks were added.
	Queued() <-chan struct{}
}

// ForwarderConfig tunes a Forwarder. Its zero value is a good default.
type ForwarderConfig struct {
	// Transport carries the requests. nil means http.DefaultTransport.
	Transport http.RoundTripper
	// Timeout bounds one request. 0 means 30 s.
	Timeout time.Duration
	// Linger is how long reports are gathered after the first one of a request:
	// the price in delay for fewer and larger requests. 0 means 100 ms.
	Linger time.Duration
	// BatchBytes bounds the compressed lines of one request. 0 means 4 MiB.
	BatchBytes int
	// MinBackoff and MaxBackoff bound the pause after a failure, which doubles
	// each time. 0 means 1 s and 1 min.
	MinBackoff, MaxBackoff time.Duration
	// Grace is how long a request under way may go on after Run was told to end.
	// 0 means 3 s.
	Grace time.Duration
	// OnForward, if set, is told of each attempt.
	OnForward func(Attempt)
}

func (c ForwarderConfig) withDefaults() ForwarderConfig {
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.Timeout == 0 {
		c.Timeout = 30 * time.Second
	}
	if c.Linger == 0 {
		c.Linger = 100 * time.Millisecond
	}
	if c.BatchBytes == 0 {
		c.BatchBytes = 4 << 20
	}
	if c.MinBackoff == 0 {
		c.MinBackoff = time.Second
	}
	if c.MaxBackoff == 0 {
		c.MaxBackoff = time.Minute
	}
	if c.Grace == 0 {
		c.Grace = 3 * time.Second
	}
	if c.OnForward == nil {
		c.OnForward = func(Attempt) {}
	}
	return c
}

// Attempt tells of one request to the receiver.
type Attempt struct {
	Outcome Outcome
	// Reports and Samples count what was delivered or rejected; 0 for a retry.
	Reports, Samples int
}

// Forwarder sends the queue's blocks to one URL, in order. Run it once.
type Forwarder struct {
	queue   Queue
	client  client
	config  ForwarderConfig
	backoff *backoff.ExponentialBackOff
	// limit bounds how many blocks the next request takes; 0 is no bound. After a
	// rejection it is 1, so that one bad block takes no good one with it.
	limit int
	// trouble is the text last logged, so that an outage is one line, not many.
	trouble string
}

// NewForwarder returns a forwarder from queue to the URL of a receiver, such as
// vminsert's /insert/0/prometheus/api/v1/import/prometheus.
func NewForwarder(queue Queue, url string, config ForwarderConfig) *Forwarder {
	config = config.withDefaults()
	return &Forwarder{
		queue:  queue,
		client: newClient(url, config),
		config: config,
		backoff: &backoff.ExponentialBackOff{
			InitialInterval:     config.MinBackoff,
			MaxInterval:         config.MaxBackoff,
			Multiplier:          2,
			RandomizationFactor: 0.25,
		},
	}
}

// Run forwards until ctx ends. It logs when the receiver fails and when it works
// again. A block under way is sent to its end.
func (f *Forwarder) Run(ctx context.Context, log zerolog.Logger) {
	f.backoff.Reset()
	for ctx.Err() == nil {
		pause, err := f.step(ctx, log)
		if err != nil {
			log.Error().Err(err).Msg("forward queue: will try again")
			pause = f.pause()
		}
		if pause > 0 {
			wait(ctx, time.After(pause))
		}
	}
}

// wait returns when either channel has something.
func wait[T any](ctx context.Context, c <-chan T) {
	select {
	case <-c:
	case <-ctx.Done():
	}
}

// step sends one request, or waits until there is something to send. It returns
// how long to pause before the next step.
func (f *Forwarder) step(ctx context.Context, log zerolog.Logger) (pause time.Duration, err error) {
	blocks, err := f.queue.Peek(f.config.BatchBytes)
	if err != nil {
		return 0, err
	}
	if len(blocks) == 0 {
		wait(ctx, f.queue.Queued())
		return f.config.Linger, nil
	}
	if f.limit > 0 {
		blocks = blocks[:min(f.limit, len(blocks))]
	}
	reply := f.client.send(ctx, blocks)
	return f.settle(ctx, log, blocks, reply)
}

// settle does what a reply asks for.
func (f *Forwarder) settle(ctx context.Context, log zerolog.Logger, blocks []rollup.Block, reply reply) (time.Duration, error) {
	switch {
	case reply.outcome == Delivered:
		f.recovered(log)
		f.limit = 0
		return f.config.Linger, f.remove(ctx, blocks, Delivered)
	case reply.outcome == Rejected && len(blocks) > 1:
		f.limit = 1
		return 0, nil
	case reply.outcome == Rejected:
		log.Error().Err(reply.err).Int("samples", blocks[0].Samples).
			Msg("the receiver will never take these samples: dropped")
		return 0, f.remove(ctx, blocks, Rejected)
	}
	f.config.OnForward(Attempt{Outcome: reply.outcome})
	f.troubled(log, reply)
	return max(reply.retryAfter, f.pause()), nil
}

// pause returns the next pause after a failure. The jitter only shortens the
// longest one.
func (f *Forwarder) pause() time.Duration {
	return min(f.backoff.NextBackOff(), f.config.MaxBackoff)
}

// remove takes blocks out of the queue. It does so even when the server stops:
// what was delivered shall not be delivered again.
func (f *Forwarder) remove(ctx context.Context, blocks []rollup.Block, outcome Outcome) error {
	attempt := Attempt{Outcome: outcome}
	for _, b := range blocks {
		attempt.Reports += b.Reports
		attempt.Samples += b.Samples
	}
	f.config.OnForward(attempt)
	f.backoff.Reset()
	if err := f.queue.Remove(context.WithoutCancel(ctx), blocks); err != nil {
		return fmt.Errorf("ingest: forwarded blocks stay queued: %w", err)
	}
	return nil
}

func (f *Forwarder) troubled(log zerolog.Logger, reply reply) {
	if errors.Is(reply.err, context.Canceled) || f.trouble == reply.err.Error() {
		return
	}
	f.trouble = reply.err.Error()
	if reply.outcome == Misconfigured {
		log.Error().Err(reply.err).Msg("the receiver does not know this URL; correct --forward-url. Reports are kept and will be sent")
		return
	}
	log.Warn().Err(reply.err).Msg("forwarding fails; reports are kept and will be sent")
}

func (f *Forwarder) recovered(log zerolog.Logger) {
	if f.trouble != "" {
		f.trouble = ""
		log.Info().Msg("forwarding works again")
	}
}
