package load

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Result is what came of sending requests.
type Result struct {
	// Requests is how many were sent, answered or not.
	Requests int
	Elapsed  time.Duration
	// P50, P90, P99 and Max are of the time from when a request was sent, or was
	// due, to its answer. The quantiles are at most 1/32 too high.
	P50, P90, P99, Max time.Duration
	// Codes counts the answers by status code.
	Codes map[int]int
	// Errors counts the requests without an answer, FirstError is one of theirs.
	Errors     int
	FirstError error
	// Truth is what the server must show, had it been empty before, for the
	// month in which posting began. Only reports answered 200 are in it. It is for
	// [Post] alone.
	Truth fleet.Figures
}

// OK tells whether each request was answered 200.
func (r Result) OK() bool { return r.Codes[http.StatusOK] == r.Requests }

// PerSecond returns how many requests were sent a second.
func (r Result) PerSecond() float64 { return float64(r.Requests) / max(r.Elapsed.Seconds(), 1e-9) }

// WriteTo prints the measurements, without the truth.
func (r Result) WriteTo(w io.Writer) (int64, error) {
	text := fmt.Sprintf("requests  %d in %.2f s, %.0f/s\n", r.Requests, r.Elapsed.Seconds(), r.PerSecond())
	text += fmt.Sprintf("latency   p50 %s  p90 %s  p99 %s  max %s\n",
		round(r.P50), round(r.P90), round(r.P99), round(r.Max))
	text += "answers  "
	for _, code := range slices.Sorted(maps.Keys(r.Codes)) {
		text += fmt.Sprintf(" %d: %d", code, r.Codes[code])
	}
	text += fmt.Sprintf("\nerrors    %d", r.Errors)
	if r.FirstError != nil {
		text += fmt.Sprintf(", such as: %v", r.FirstError)
	}
	n, err := io.WriteString(w, text+"\n")
	return int64(n), err
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// tally collects what came of each request. Its methods may be called
// concurrently.
type tally struct {
	day rollup.Date // on which reports count

	mu        sync.Mutex // held for the rest
	latencies latencies
	codes     map[int]int
	errors    int
	first     error
	truth     fleet.Truth
}

func newTally(day rollup.Date) *tally { return &tally{day: day, codes: make(map[int]int)} }

// add tells of one request; j is its report, nil if it had none.
func (t *tally) add(j *job, status int, err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.latencies.add(took)
	if err != nil {
		t.errors++
		if t.first == nil {
			t.first = err
		}
		return
	}
	t.codes[status]++
	if j != nil && status == http.StatusOK {
		t.truth.Add(&j.cluster, j.client, j.step, int(t.day))
	}
}

// result is called when all senders are done.
func (t *tally) result(elapsed time.Duration) Result {
	return Result{
		Requests:   t.latencies.count,
		Elapsed:    elapsed,
		P50:        t.latencies.quantile(0.50),
		P90:        t.latencies.quantile(0.90),
		P99:        t.latencies.quantile(0.99),
		Max:        t.latencies.max,
		Codes:      t.codes,
		Errors:     t.errors,
		FirstError: t.first,
		Truth:      t.truth.Figures(t.day.Month().String()),
	}
}
