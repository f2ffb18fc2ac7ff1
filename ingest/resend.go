package ingest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// AppendDay appends lines that bring a receiver what a day keeps of a cluster, and
// returns how many there are. The instance must be a valid cluster id.
//
// Each series gets its last value within the hour in which it was reported last,
// and, if its peak is higher, that within the hour before: it has come earlier. The
// derived series gets the highest sum of a report. So no peak of the day, and no last
// value of an hour, is other than the reports have made it. Each line has a second of
// its own, since samples that come together are taken for one report. The same day
// makes the same lines.
func AppendDay(b []byte, instance string, date rollup.Date, day rollup.Day) (lines []byte, n int) {
	w := dayWriter{date: date, lines: b, lineWriter: newLineWriter(rollup.Report{Instance: instance})}
	var nodesHour uint8
	for _, p := range day.Points {
		metric, labels, _ := strings.Cut(string(p.Series), "{")
		if metric == rollup.MetricNodes {
			nodesHour = max(nodesHour, p.Hour)
		}
		if p.Peak > p.Last {
			w.add(metric, labels, p.Peak, max(p.Hour, 1)-1)
		}
		w.add(metric, labels, p.Last, p.Hour)
	}
	for _, s := range day.Sums {
		if s.Metric == rollup.MetricNodes {
			w.add(rollup.MetricClusterNodes, "", s.Peak, nodesHour)
		}
	}
	return w.lines, w.n
}

// dayWriter writes lines of one cluster's day.
type dayWriter struct {
	lineWriter
	date  rollup.Date
	lines []byte
	n     int
	// used counts the seconds of each hour that have a line. No real cluster has
	// more lines than an hour has seconds; then they are used again.
	used [24]int
}

func (w *dayWriter) add(metric, labels string, value float64, hour uint8) {
	const seconds = int(time.Hour/time.Second) - 1
	second := 1 + w.used[hour]%seconds
	w.used[hour]++
	at := w.date.Start().Add(time.Duration(hour)*time.Hour + time.Duration(second)*time.Second)
	w.stamp = stampOf(at)
	w.lines = w.append(w.lines, metric, labels, value)
	w.n++
}

// sendTries is how often a Sender sends, with pauses that grow from a second to 30.
const sendTries = 8

// ErrReceiver is returned when a receiver does not take what it is sent.
var ErrReceiver = errors.New("ingest: the receiver does not take the samples")

// Sender sends lines while its caller waits. It sorts answers as a Forwarder does,
// but drops nothing, and gives up.
type Sender struct {
	client  client
	onRetry func(error)
}

// NewSender returns a sender to the URL of a receiver. onRetry is told why
// something is sent again.
func NewSender(url string, onRetry func(error)) *Sender {
	return &Sender{newClient(url, ForwarderConfig{}.withDefaults()), onRetry}
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
