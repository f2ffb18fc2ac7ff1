package serve

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
)

// refusalsEvery is how often the log tells of refused reports: a flood of them is
// a line at a time.
const refusalsEvery = 5 * time.Minute

// refusals counts refused reports by reason, for the log. The zero refusals is
// ready. It may be used concurrently.
type refusals struct {
	mu     sync.Mutex
	counts map[ingest.Reason]int
}

func (r *refusals) add(reason ingest.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = make(map[ingest.Reason]int)
	}
	r.counts[reason]++
}

// run tells of the refusals at a pace, and of the last ones when ctx ends.
func (r *refusals) run(ctx context.Context, log zerolog.Logger) {
	ticker := time.NewTicker(refusalsEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
		r.tell(log)
	}
}

// tell logs the counts since it was called last, if there are any. No id and
// nothing of a report is among them.
func (r *refusals) tell(log zerolog.Logger) {
	r.mu.Lock()
	counts := r.counts
	r.counts = nil
	r.mu.Unlock()
	if len(counts) == 0 {
		return
	}
	event := log.Info()
	for _, reason := range ingest.Reasons() {
		if n := counts[reason]; n > 0 {
			event.Int(string(reason), n)
		}
	}
	event.Msg("reports were refused, by reason; --log-level=debug tells of each")
}
