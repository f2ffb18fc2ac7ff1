package backfill

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/common/model"

	"github.com/cozystack/cozystack-telemetry-server/overview/promapi"
)

const exportPath = "/api/v1/export"

const (
	// tries is how often a question is asked, with pauses that grow from a second
	// to 30: what is away for a minute or two does not end a run of hours.
	tries = 8
	// askTime bounds one try.
	askTime = 2 * time.Minute
	// longestPause bounds what an answer may ask for.
	longestPause = time.Minute
	// lineBytes bounds a line of an export, listBytes a list of ids.
	lineBytes = 4 << 20
	listBytes = 64 << 20
	// rowsPerLine keeps lines far below lineBytes.
	rowsPerLine = "1000"
	// listed is how many ids VictoriaMetrics lists at most unless it was told
	// otherwise (-search.maxTagValues). It does not say that it left any out.
	listed = 100_000
)

var (
	// ErrSource is returned when VictoriaMetrics does not answer as it should, and
	// went on with that.
	ErrSource = errors.New("backfill: VictoriaMetrics does not answer as it should")

	errCutList = fmt.Errorf("a list of exactly %d clusters, which may have been cut off: raise -search.maxTagValues", listed)
)

// source asks a VictoriaMetrics, again and again where that may help. Its methods
// may be called concurrently.
type source struct {
	client  *promapi.Client
	onRetry func(error)
	rules   Rules
}

func newSource(cfg Config) (*source, error) {
	client, err := promapi.New(promapi.Config{URL: cfg.URL, Transport: cfg.Transport, Bytes: listBytes})
	if err != nil {
		return nil, fmt.Errorf("backfill: %w", err)
	}
	return &source{client: client, onRetry: cfg.OnRetry, rules: cfg.Rules}, nil
}

// clusters returns the ids that may have samples between two times; others counts
// those that can't be a cluster's. Ids of the label's other users are among them:
// asked by metric, VictoriaMetrics would look at every series.
func (s *source) clusters(ctx context.Context, from, to time.Time) (ids []string, others int64, err error) {
	var list model.LabelValues
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		list, err = s.client.LabelValues(ctx, "cluster_id", from, last(to))
		if len(list) == listed {
			return errCutList
		}
		return err
	})
	for _, value := range list {
		if id := string(value); s.rules.Cluster(id) {
			ids = append(ids, id)
		} else {
			others++
		}
	}
	return ids, others, err
}

// read returns what clusters have sent between two times. The error wraps
// errTooMuch if that is more than there is room for.
func (s *source) read(ctx context.Context, ids []string, from, to time.Time, room int) (f *fold, err error) {
	form := span(from, to)
	form.Set("match[]", selector(ids))
	form.Set("max_rows_per_line", rowsPerLine)
	// Samples as they lie in the blocks, which VictoriaMetrics then need not hold.
	form.Set("reduce_mem_usage", "1")
	err = s.ask(ctx, func(ctx context.Context) error {
		return s.client.Stream(ctx, exportPath, form, func(body io.Reader) error {
			f = newFold(s.rules, ids, from, to, room) // what a try before has left does not count
			return readLines(body, f)
		})
	})
	return f, err
}

// selector matches the metrics of clusters.
func selector(ids []string) string {
	patterns := make([]string, len(ids))
	for i, id := range ids {
		patterns[i] = regexp.QuoteMeta(id)
	}
	return fmt.Sprintf("{__name__=~%q,cluster_id=~%q}", "cozy_.*", strings.Join(patterns, "|"))
}

// last is the end of a range up to a time: both ends are in it, to the millisecond.
func last(to time.Time) time.Time { return to.Add(-time.Millisecond) }

// span asks for [from, to).
func span(from, to time.Time) url.Values {
	stamp := func(t time.Time) string { return fmt.Sprintf("%d.%03d", t.Unix(), t.Nanosecond()/1e6) }
	return url.Values{"start": {stamp(from)}, "end": {stamp(last(to))}}
}

func readLines(body io.Reader, f *fold) error {
	lines := bufio.NewReaderSize(body, lineBytes)
	for {
		text, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF) && len(text) == 0:
			return nil
		case errors.Is(err, io.EOF):
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case len(text) == 1:
			continue
		}
		l, err := parseLine(text)
		if err == nil {
			err = f.add(l)
		}
		if err != nil {
			return err
		}
	}
}

// ask asks until a whole answer has been taken, or asking again would not help.
func (s *source) ask(ctx context.Context, once func(context.Context) error) error {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = time.Second, 30*time.Second
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		trying, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		return struct{}{}, sorted(once(trying))
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(tries), backoff.WithMaxElapsedTime(0),
		backoff.WithNotify(func(err error, _ time.Duration) { s.onRetry(err) }))
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrSource, err)
	}
	return err
}

// sorted marks the errors that no other try can mend, and those that say when to try
// again.
func sorted(err error) error {
	var status *promapi.StatusError
	switch {
	case errors.As(err, &status) && (status.Code == http.StatusTooManyRequests || status.Code/100 == 5):
		if status.After > 0 {
			return fmt.Errorf("%w; %w", err, backoff.RetryAfter(int(min(status.After, longestPause)/time.Second)))
		}
		return err
	case status != nil && status.Code == http.StatusNotFound:
		return backoff.Permanent(fmt.Errorf("%w: only VictoriaMetrics has %s", err, exportPath))
	case status != nil, errors.Is(err, promapi.ErrTooLarge), errors.Is(err, promapi.ErrEndless),
		errors.Is(err, errCutList), errors.Is(err, errTooMuch):
		return backoff.Permanent(err)
	}
	return err
}
