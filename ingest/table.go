package ingest

import (
	"sync"
	"sync/atomic"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The bounds of a table. Real fleets have some thousand series; those of clients
// before v1.0, which report each workload by its uid, some tens per cluster.
const (
	tableEntries = 1 << 16
	tableBytes   = 16 << 20
	// maxSpelling bounds what is remembered of one series. Real ones are shorter.
	maxSpelling = 1 << 10
	// seriesBytes is about what a series takes beside its texts.
	seriesBytes = 160
)

// series is what a spelling means, after it was parsed and held to the limits.
// It never changes.
type series struct {
	// prefix is the spelling with one blank behind it, as lines begin.
	prefix string
	text   rollup.Series
	hash   uint64 // of text
	// allowed tells whether samples of the metric are kept.
	allowed bool
	figure  figure
}

func (e *series) size() int { return len(e.prefix) + len(e.text) + seriesBytes }

// table remembers series by their spellings, for all requests together. When it
// is full it forgets those that were not used since it was half full, so that a
// flood of new ones neither grows it nor drives out those in use.
type table struct {
	maxEntries, maxBytes int // of one generation: half of the bounds

	// generation counts how often something was forgotten.
	generation atomic.Uint64

	mu         sync.RWMutex
	young, old map[string]*series
	bytes      int // of young
}

func newTable(maxEntries, maxBytes int) *table {
	return &table{maxEntries: maxEntries / 2, maxBytes: maxBytes / 2, young: make(map[string]*series)}
}

// get returns the series that is spelt so, nil if the table does not know it.
// One that is old will be forgotten soon, unless it is added again.
func (t *table) get(spelling []byte) (e *series, old bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if e = t.young[string(spelling)]; e != nil {
		return e, false
	}
	return t.old[string(spelling)], true
}

// add makes the table remember series.
func (t *table) add(all []*series) {
	if len(all) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range all {
		spelling := e.prefix[:len(e.prefix)-1]
		if t.young[spelling] != nil {
			continue
		}
		if len(t.young) >= t.maxEntries || t.bytes+e.size() > t.maxBytes {
			t.old, t.young, t.bytes = t.young, make(map[string]*series), 0
			t.generation.Add(1)
		}
		t.young[spelling] = e
		t.bytes += e.size()
	}
}
