package forward

import (
	"cmp"
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

// Config tunes a Forwarder. Its zero value is a good default.
type Config struct {
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
	// Grace is how long what is under way may go on after Run was told to end: to
	// break it off would leave unknown whether it was delivered. 0 means 3 s.
	Grace time.Duration
	// Flag is what the URL was given by, for the log. Empty means --forward-url.
	Flag string
	// OnForward, if set, is told of each attempt.
	OnForward func(Attempt)
}

func (c Config) withDefaults() Config {
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	c.Flag = cmp.Or(c.Flag, "--forward-url")
	c.Linger = cmp.Or(c.Linger, 100*time.Millisecond)
	c.BatchBytes = cmp.Or(c.BatchBytes, 4<<20)
	c.MinBackoff = cmp.Or(c.MinBackoff, time.Second)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, time.Minute)
	c.Grace = cmp.Or(c.Grace, 3*time.Second)
	if c.OnForward == nil {
		c.OnForward = func(Attempt) {}
	}
	return c
}

// Attempt tells of one request to the receiver.
type Attempt struct {
	Outcome Outcome
	// Reports and Samples count what was delivered, or dropped because it was
	// rejected; 0 for what is sent again.
	Reports, Samples int
	// Err is why what waits has to wait: of outcomes [Misconfigured] and [Retry], nil of the
	// others. It has no address in it.
	Err error
}

// Forwarder sends the queue's blocks to one URL, in order. Run it once.
type Forwarder struct {
	queue   Queue
	client  client
	config  Config
	backoff *backoff.ExponentialBackOff
	window  window
	// done are blocks that were delivered or dropped, and counted, but are in the
	// queue until their removal succeeds. Nothing is sent before.
	done []rollup.Block
	// trouble is the text last logged, so that an outage is one line, not many.
	trouble string
}

// New returns a forwarder from queue to the URL of a receiver, such as
// vminsert's /insert/0/prometheus/api/v1/import/prometheus.
func New(queue Queue, url string, config Config) *Forwarder {
	config = config.withDefaults()
	return &Forwarder{
		queue:  queue,
		client: newClient(url, config),
		config: config,
		window: window{bytes: config.BatchBytes, most: config.BatchBytes},
		backoff: &backoff.ExponentialBackOff{
			InitialInterval:     config.MinBackoff,
			MaxInterval:         config.MaxBackoff,
			Multiplier:          2,
			RandomizationFactor: 0.25,
		},
	}
}

// Run forwards until ctx ends, and what is under way then is done or the grace is over.
// It logs when the receiver fails and when it works again.
func (f *Forwarder) Run(ctx context.Context, log zerolog.Logger) {
	sending, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(f.config.Grace, cancel) })()
	f.backoff.Reset()
	for ctx.Err() == nil {
		pause, err := f.step(ctx, sending, log)
		if err != nil {
			f.troubled(log.Error(), err, "forward queue: will try again")
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

// step sends one request, or waits until there is something to send, or ctx ends. It
// returns how long to pause before the next step.
func (f *Forwarder) step(ctx, sending context.Context, log zerolog.Logger) (pause time.Duration, err error) {
	if len(f.done) > 0 {
		if err := f.remove(sending); err != nil {
			return 0, err
		}
		f.recovered(log)
	}
	// More than a request may take shows whether anything is left behind it.
	waiting, err := f.queue.Peek(min(f.config.BatchBytes, 2*f.window.bytes))
	if err != nil {
		return 0, err
	}
	if len(waiting) == 0 {
		wait(ctx, f.queue.Queued())
		return f.config.Linger, nil
	}
	blocks := f.window.cut(waiting)
	size, reply := f.send(sending, blocks)
	switch reply.outcome {
	case Delivered:
		f.recovered(log)
		f.window.delivered(blocks)
		f.backoff.Reset()
		if len(blocks) == len(waiting) {
			pause = f.config.Linger
		}
		return pause, f.settled(sending, blocks, Delivered)
	case Rejected, Oversized:
		return f.refused(sending, log, blocks, size, reply)
	}
	return f.failed(log, reply), nil
}

// send sends blocks as one request, or in parts where a single block is more
// than the receiver takes at once. It returns the size of the last request.
func (f *Forwarder) send(ctx context.Context, blocks []rollup.Block) (size int, r reply) {
	parts := [][]byte{joined(blocks)}
	if len(parts[0]) > f.window.bytes {
		// What does not decode is sent as it is.
		if smaller, err := splitMember(parts[0], f.window.bytes); err == nil {
			parts = smaller
		}
	}
	for _, part := range parts {
		if r = f.client.send(ctx, part); r.outcome != Delivered {
			return len(part), r
		}
	}
	return len(parts[len(parts)-1]), r
}

// refused does what it takes to tell bad samples from a receiver that refuses
// everything. It drops a block only when that was refused twice and an empty
// request was taken each time, and then pauses, longer with each drop, until
// something is delivered: whatever else may be wrong, somebody can notice.
func (f *Forwarder) refused(ctx context.Context, log zerolog.Logger, blocks []rollup.Block, size int, refusal reply) (time.Duration, error) {
	if r := f.client.probe(ctx); r.outcome != Delivered {
		return f.failed(log, r), nil
	}
	if refusal.outcome == Oversized && f.window.oversized(size) {
		f.config.OnForward(Attempt{Outcome: Oversized})
		return 0, nil
	}
	if !f.window.rejected(blocks) {
		f.config.OnForward(Attempt{Outcome: Rejected})
		return 0, nil
	}
	log.Error().Err(refusal.err).Int("reports", blocks[0].Reports).Int("samples", blocks[0].Samples).
		Msg("the receiver will never take these samples: dropped")
	return f.pause(), f.settled(ctx, blocks, Rejected)
}

// failed counts and logs a request whose blocks stay as they are. It returns how
// long to pause.
func (f *Forwarder) failed(log zerolog.Logger, r reply) time.Duration {
	f.config.OnForward(Attempt{Outcome: r.outcome, Err: r.err})
	switch r.outcome {
	case Misconfigured:
		f.troubled(log.Error(), r.err, "the receiver refuses all that is sent to this URL; correct "+f.config.Flag+". Reports are kept and will be sent")
	default:
		f.troubled(log.Warn(), r.err, "forwarding fails; reports are kept and will be sent")
	}
	return max(r.retryAfter, f.pause())
}

// pause returns the next pause after a failure. The jitter only shortens the
// longest one.
func (f *Forwarder) pause() time.Duration {
	return min(f.backoff.NextBackOff(), f.config.MaxBackoff)
}

// settled counts blocks that need not be sent again, once, and removes them.
func (f *Forwarder) settled(ctx context.Context, blocks []rollup.Block, outcome Outcome) error {
	attempt := Attempt{Outcome: outcome}
	for _, b := range blocks {
		attempt.Reports += b.Reports
		attempt.Samples += b.Samples
	}
	f.config.OnForward(attempt)
	f.done = blocks
	return f.remove(ctx)
}

// remove takes what is done out of the queue. It does so even when the server
// stops: what was delivered shall not be delivered again.
func (f *Forwarder) remove(ctx context.Context) error {
	if err := f.queue.Remove(context.WithoutCancel(ctx), f.done); err != nil {
		return fmt.Errorf("forward: delivered blocks stay queued: %w", err)
	}
	f.done = nil
	return nil
}

// troubled logs what fails, once for as long as it stays the same.
func (f *Forwarder) troubled(event *zerolog.Event, err error, message string) {
	if errors.Is(err, context.Canceled) || f.trouble == err.Error() {
		return
	}
	f.trouble = err.Error()
	event.Err(err).Msg(message)
}

func (f *Forwarder) recovered(log zerolog.Logger) {
	if f.trouble != "" {
		f.trouble = ""
		log.Info().Msg("forwarding works again")
	}
}
