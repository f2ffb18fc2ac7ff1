package serve

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// refusalsEvery is how often the log tells of refused reports: a flood of them is
// a line at a time.
const refusalsEvery = 5 * time.Minute

// refusals counts refused reports by product and reason, for the log. The zero refusals is
// ready. It may be used concurrently.
type refusals struct {
	mu     sync.Mutex
	counts map[string]map[ingest.Reason]int
}

func (r *refusals) add(product string, reason ingest.Reason) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = make(map[string]map[ingest.Reason]int)
	}
	if r.counts[product] == nil {
		r.counts[product] = make(map[ingest.Reason]int)
	}
	r.counts[product][reason]++
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
// nothing of a report is among them. Only Cozystack's clients send again what was refused
// for a while.
func (r *refusals) tell(log zerolog.Logger) {
	r.mu.Lock()
	counts := r.counts
	r.counts = nil
	r.mu.Unlock()
	for _, product := range slices.Sorted(maps.Keys(counts)) {
		event, text := log.Info(), "reports were refused, by reason"
		if product != rollup.Cozystack {
			event, text = log.Warn().Str("product", product), "reports were refused and are lost, by reason: their clients do not send them again"
		}
		for _, reason := range ingest.Reasons() {
			if n := counts[product][reason]; n > 0 {
				event.Int(string(reason), n)
			}
		}
		event.Msg(text + "; --log-level=debug tells of each")
	}
}
