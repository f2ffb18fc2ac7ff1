package load

import (
	"context"
	"time"
)

// pace sends requests when they are due.
type pace struct {
	now   func() time.Time
	start time.Time
}

// begin waits until a time after the start, 0 for none, and returns from when on
// the request is waited for; ok is false when ctx is done. A request that is late
// because the server is slow has been waited for since it was due.
func (p pace) begin(ctx context.Context, due time.Duration) (began time.Time, ok bool) {
	now := p.now()
	if due == 0 {
		return now, ctx.Err() == nil
	}
	at := p.start.Add(due)
	if wait := at.Sub(now); wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return at, ctx.Err() == nil
}
