package anomalies

import (
	"maps"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/anomaly"
)

// Tally counts the traffic of this hour and of the one before it, so that a rate never is
// that of a moment. It may be used concurrently.
type Tally struct {
	mu           sync.Mutex // held for the rest
	since        time.Time  // this hour began
	this, before anomaly.Traffic
}

// NewTally returns a tally that begins now.
func NewTally(now time.Time) *Tally { return &Tally{since: now} }

// OnTaken counts a report that was taken, with so many samples.
func (t *Tally) OnTaken(samples int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.this.Taken++
	t.this.Stored += int64(samples)
}

// OnRefused counts a report that was refused for a reason. There must be few of these.
func (t *Tally) OnRefused(reason string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.this.Refused == nil {
		t.this.Refused = make(map[string]int64)
	}
	t.this.Refused[reason]++
}

// OnLeftOut counts series that were not kept because of a bound.
func (t *Tally) OnLeftOut(series int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.this.LeftOut += int64(series)
}

// nextHour begins another hour.
func (t *Tally) nextHour(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.this.Since, t.this.Span = t.since, now.Sub(t.since)
	t.before, t.this, t.since = t.this, anomaly.Traffic{}, now
}

// traffic returns what was counted in both hours.
func (t *Tally) traffic(now time.Time) anomaly.Traffic {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := t.before
	if sum.Span == 0 {
		sum.Since = t.since
	}
	sum.Span += now.Sub(t.since)
	sum.Taken += t.this.Taken
	sum.Stored += t.this.Stored
	sum.LeftOut += t.this.LeftOut
	sum.Refused = make(map[string]int64)
	maps.Copy(sum.Refused, t.before.Refused)
	for reason, n := range t.this.Refused {
		sum.Refused[reason] += n
	}
	return sum
}
