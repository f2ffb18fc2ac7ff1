// Package heap keeps the collector from running all the time in a small server: what it
// has in memory is a few MB, and to collect whenever that has doubled takes more of the
// processor than it takes to parse reports.
package heap

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	liveMetric    = "/gc/heap/live:bytes"
	stackMetric   = "/gc/scan/stack:bytes"
	globalsMetric = "/gc/scan/globals:bytes"
	percentMetric = "/gc/gogc:percent"
)

// usualPercent is Go's own. Who has set another one by GOGC knows better.
const usualPercent = 100

// smallest is the heap that Go never collects at that percentage; at others it is as much
// more or less.
const smallest = 4 << 20

// floor lets the heap grow to so many bytes at least. A heap whose live part is more than
// half of that is collected as usual, so it costs no memory where memory is short; and
// GOMEMLIMIT holds in any case.
type floor struct {
	bytes uint64

	mu      sync.Mutex
	percent int
	ended   bool
}

// Hold lets the heap grow to so many bytes before any of it is collected, until release.
// It does nothing where GOGC has set another percentage. The percentage is the whole
// process's: hold one floor at a time.
func Hold(bytes uint64) (release func()) {
	if int(measure(percentMetric)[0]) != usualPercent {
		return func() {}
	}
	f := &floor{bytes: bytes, percent: usualPercent}
	f.collected()
	return f.release
}

// collected follows the live heap, and is called again after the next collection.
func (f *floor) collected() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return
	}
	m := measure(liveMetric, stackMetric, globalsMetric)
	f.set(percentFor(f.bytes, m[0], m[1]+m[2]))
	// It is garbage at once, so that the next collection finds it.
	runtime.AddCleanup(new([64]byte), (*floor).collected, f)
}

func (f *floor) set(percent int) {
	if percent != f.percent {
		debug.SetGCPercent(percent)
		f.percent = percent
	}
}

func (f *floor) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set(usualPercent)
	f.ended = true
}

// percentFor returns by how much a live heap may grow, to reach the floor; in steps, as
// to change it stops the program for a moment. roots are what Go counts beside the heap.
func percentFor(floor, live, roots uint64) int {
	const step = 50
	if live >= floor {
		return usualPercent
	}
	percent := 100 * (floor - live) / max(live+roots, 1)
	percent = min(percent, usualPercent*floor/smallest)
	return max(int(percent/step*step), usualPercent)
}

// measure returns what the runtime says of itself.
func measure(names ...string) []uint64 {
	samples := make([]metrics.Sample, len(names))
	for i, name := range names {
		samples[i].Name = name
	}
	metrics.Read(samples)
	values := make([]uint64, len(names))
	for i, s := range samples {
		values[i] = s.Value.Uint64()
	}
	return values
}
