package forward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// sendTries is how often a Sender sends, with pauses that grow from a second to 30.
const sendTries = 8

// ErrReceiver is returned when a receiver does not take what it is sent.
var ErrReceiver = errors.New("forward: the receiver does not take the samples")

// Sender sends lines while its caller waits. It sorts answers as a Forwarder does,
// but drops nothing, and gives up.
type Sender struct {
	client  client
	onRetry func(error)
}

// NewSender returns a sender to the URL of a receiver. onRetry is told why
// something is sent again.
func NewSender(url string, onRetry func(error)) *Sender {
	return &Sender{newClient(url, Config{}.withDefaults()), onRetry}
}

// Send sends lines of the exposition format. It returns when the receiver has taken
// them, or with an error that wraps ErrReceiver: at once where no other try can
// help, such as after a refusal or with a wrong URL, and else after some tries within
// two minutes, unless the receiver asks for more time.
func (s *Sender) Send(ctx context.Context, lines []byte) error {
	member, err := memberOf(lines)
	if err != nil {
		return err
	}
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = time.Second, 30*time.Second
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		return struct{}{}, verdict(s.client.send(ctx, member))
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(sendTries), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) { s.onRetry(err) }))
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrReceiver, err)
	}
	return errors.Join(err, ctx.Err())
}

// verdict returns the error of a reply; it is permanent where sending again does not
// help.
func verdict(r reply) error {
	var unknown *net.DNSError
	switch {
	case r.outcome == Delivered:
		return nil
	case r.outcome != Retry, errors.As(r.err, &unknown) && unknown.IsNotFound:
		return backoff.Permanent(r.err)
	case r.retryAfter > 0:
		return fmt.Errorf("%w; %w", r.err, backoff.RetryAfter(int(r.retryAfter/time.Second)))
	}
	return r.err
}
