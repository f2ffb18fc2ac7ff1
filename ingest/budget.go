package ingest

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// ownBytes is how much of its body any request may hold. Real reports are
	// shorter. What is longer is a large report.
	ownBytes = 16 << 10
	// bufferedBytes bounds the bodies of all large reports together.
	bufferedBytes = 16 << 20
	// smallBytes bounds what all other reports hold from their parsing to their
	// commit, as cost estimates it.
	smallBytes = 32 << 20
	// streamBytes is what a large report takes that is decoded as it comes, until its
	// commit: the decoder's chunk, and what few products' tables let it make of a report.
	streamBytes = 256 << 10
	// patience is how long a report waits for others to be done.
	patience = 10 * time.Second
	// lineBytes is about what a line takes beside its text, parsed and written
	// out again.
	lineBytes = 256
)

// ErrBusy: so many reports are in flight that one more would break a bound on
// memory.
var ErrBusy = errors.New("ingest: too many reports in flight")

// budget bounds the memory of all reports in flight together, by two gates: one for
// bodies as they are read, one for reports from before they are parsed until they are
// recorded. Large reports have bounds of their own, so that they never keep small
// ones waiting. One that is decoded as it comes has all that it takes of the first gate,
// and does not come to the second: behind that nothing may wait for a sender.
type budget struct {
	// buffered is the first gate. It has the bytes of large bodies. Nobody waits for
	// it: half-read bodies that wait for each other would never end.
	buffered *semaphore.Weighted
	// small and large are the second gate. small has bytes, large has places. A report
	// waits for its share of one of them while it holds nothing that others wait for.
	small, large *semaphore.Weighted
}

func newBudget(limits Limits, parses int) *budget {
	return &budget{
		// A gzip report is held twice.
		buffered: semaphore.NewWeighted(max(bufferedBytes, 2*(limits.BodyBytes+1))),
		small:    semaphore.NewWeighted(smallBytes),
		large:    semaphore.NewWeighted(int64(max(1, parses/2))),
	}
}

// claim makes room for n bytes more of a request's body, until release.
func (bg *budget) claim(b *buffers, n int64) error {
	if !bg.buffered.TryAcquire(n) {
		return refuseBusy(nil)
	}
	b.claimed += n
	return nil
}

// release gives back all that was claimed.
func (bg *budget) release(b *buffers) {
	if b.claimed > 0 {
		bg.buffered.Release(b.claimed)
		b.claimed = 0
	}
}

// place is a report's share of a budget.
type place struct {
	of     *semaphore.Weighted
	weight int64
}

func (p place) leave() { p.of.Release(p.weight) }

// enter waits for a place for a report, which must leave it again.
func (bg *budget) enter(ctx context.Context, id string, body []byte, most func(body []byte) int) (place, error) {
	p := place{bg.large, 1}
	if len(body) <= ownBytes {
		p = place{bg.small, cost(id, body, most(body))}
	}
	if p.of.TryAcquire(p.weight) {
		return p, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.of.Acquire(ctx, p.weight); err != nil {
		return place{}, refuseBusy(err)
	}
	return p, nil
}

// cost is about how much memory a report takes: its body, the series that it
// may be the first to have, and its lines, each of which repeats the id.
func cost(id string, body []byte, lines int) int64 {
	return int64(3*len(body) + lines*(len(id)+lineBytes))
}

// countLines counts the lines of a body.
func countLines(body []byte) int { return bytes.Count(body, []byte{'\n'}) + 1 }

func refuseBusy(cause error) error {
	return &Refusal{
		Status:     http.StatusServiceUnavailable,
		Reason:     Busy,
		Text:       "too many reports at once, try again later",
		Cause:      errors.Join(ErrBusy, cause),
		RetryAfter: retryAfterFailure,
	}
}
