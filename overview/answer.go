package overview

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Answer is a rendered overview, ready to be sent many times.
type Answer struct {
	// JSON is the body, with a newline at its end; Gzip is the same compressed.
	JSON, Gzip []byte
	// ETag is weak: it names the content, in whichever encoding.
	ETag string
	// Settled is set when all months of the answer are final, so that it will
	// hardly change.
	Settled bool
}

// content is the shape of the answer.
type content struct {
	GeneratedAt string `json:"generated_at"`
	Periods     struct {
		Month   period `json:"month"`
		Quarter period `json:"quarter"`
		Year    period `json:"year"`
	} `json:"periods"`
}

// answerTTL bounds the use of a rendered answer: the list of applications
// changes even where the months do not.
const answerTTL = 10 * time.Minute

// build computes an answer. It runs under the Overview's own context, and all it
// asks of vmselect shares one budget.
func (o *Overview) build(q question) (leased[*Answer], error) {
	none := leased[*Answer]{}
	asking, cancel := context.WithTimeout(o.base, o.cfg.QueryBudget)
	defer cancel()
	year, err := o.year(asking, q.month)
	if err != nil {
		return none, err
	}
	now := o.cfg.Now()
	b := &builder{Overview: o, asking: asking, q: q, year: year}
	b.holds(now)
	var c content
	c.GeneratedAt = year[len(year)-1].value.CollectedAt.UTC().Format(time.RFC3339)
	c.Periods.Month = b.requested()
	c.Periods.Quarter, c.Periods.Year = b.period(3), b.period(12)
	// What soon is computed anew is not for browsers to keep for long.
	settled := b.settled && !b.until.Before(now.Add(answerTTL))
	a, err := render(c, settled)
	return leased[*Answer]{a, now, b.until}, err
}

// builder forms the periods of one answer.
type builder struct {
	*Overview
	asking context.Context
	q      question
	year   []monthly
	// until is when the first of the parts ceases to hold.
	until   time.Time
	settled bool
}

// holds finds out how long the answer holds by its months. A month that could
// not be asked for is soon looked at again.
func (b *builder) holds(now time.Time) {
	b.until, b.settled = now.Add(answerTTL), true
	for _, m := range b.year {
		switch {
		case m.err == nil:
			b.until = earliest(b.until, m.until)
			b.settled = b.settled && m.value.Final && !b.needsAsking(m.value) && !b.exclusions().Stale(m.value)
		case errors.Is(m.err, errUnseen):
			b.until = earliest(b.until, now.Add(rollupsTTL))
			b.settled = false
		}
	}
}

// requested is the period of the month that was asked for.
func (b *builder) requested() period {
	m := b.year[len(b.year)-1].value
	w := window{m.Month, m.Month}
	p := b.mean(w, []rollup.Snapshot{m})
	p.UniqueClusters, p.ConfirmedClusters = &m.Clusters, m.ConfirmedClusters
	p.Confirmed = b.meanConfirmed([]rollup.Snapshot{m})
	return b.published(w, p)
}

// period is the one of the last n months.
func (b *builder) period(n int) (p period) {
	w := lastMonths(b.q.month, n)
	var data []rollup.Snapshot
	for _, m := range b.year[len(b.year)-n:] {
		if m.err == nil {
			data = append(data, m.value)
		}
	}
	var until time.Time
	if b.q.aggregate == Distinct {
		p, until = b.distinct(b.asking, w, data)
	} else {
		p = b.mean(w, data)
		p.Confirmed = b.meanConfirmed(data)
		p.UniqueClusters, p.ConfirmedClusters, until = b.unique(b.asking, w, data)
	}
	b.until = earliest(b.until, until)
	return b.published(w, p)
}

// earliest returns the earlier of two instants.
func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func render(c content, settled bool) (*Answer, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("overview: %w", err)
	}
	body = append(body, '\n')
	var zipped bytes.Buffer
	z, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("overview: %w", err)
	}
	// Writes to a buffer do not fail.
	_, _ = z.Write(body)
	_ = z.Close()
	sum := sha256.Sum256(body)
	return &Answer{
		JSON:    body,
		Gzip:    zipped.Bytes(),
		ETag:    fmt.Sprintf(`W/"%x"`, sum[:12]),
		Settled: settled,
	}, nil
}
