package census

import (
	"context"
	"fmt"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/tasks"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	// maxMonths is how many months are held, the running one included.
	maxMonths = 36
	// A running month that has changed is read again after an hour, so that nobody sees what
	// a single report changes; an open one after a second. In any case not before a rest from
	// reading it.
	minAge, minOpenAge = time.Hour, time.Second
)

// months are those that were read.
type months struct {
	clusters, versions numbering

	all map[rollup.MonthID]*month
	// excluding and forgotten say of which instances they are.
	excluding string
	forgotten uint64
	// reads counts the months that were read: what was made of them holds as long as it
	// stays.
	reads  uint64
	oldest rollup.MonthID

	adoption  kept[published.Adoption]
	retention kept[published.Retention]
}

// stamp is what the store said of a month's records, and of those of the month before, on
// which it depends who is steady.
type stamp struct{ before, own uint64 }

// refresh reads what has changed of the months up to one.
func (c *Census) refresh(ctx context.Context, through rollup.MonthID) error {
	forgotten, excluding := c.forgotten.Load(), c.store.Exclusions(rollup.Cozystack).Digest
	if h := &c.held; h.all == nil || h.excluding != excluding || h.forgotten != forgotten {
		c.held = months{all: make(map[rollup.MonthID]*month), excluding: excluding, forgotten: forgotten}
	}
	first, ok, err := c.store.FirstMonth(rollup.Cozystack)
	if err != nil {
		return fmt.Errorf("census: %w", err)
	}
	running := rollup.MonthOf(c.cfg.Now())
	through, first = min(through, running), max(first, running-maxMonths+1)
	if !ok || first > through {
		return ErrNoData
	}
	for id := range c.held.all {
		if id < first {
			delete(c.held.all, id)
		}
	}
	c.held.oldest = first
	return c.advance(ctx, first, through)
}

// advance reads the months that have changed, and decides anew what is shown of them and of
// those after them, also where another call has read but not got so far.
func (c *Census) advance(ctx context.Context, first, through rollup.MonthID) error {
	h := &c.held
	var before *folded
	for id := first; id <= through; id++ {
		now := stamp{c.store.Changes(rollup.Cozystack, id-1), c.store.Changes(rollup.Cozystack, id)}
		if m := h.all[id]; m == nil || m.due(now, c.cfg.Now()) {
			m, err := h.read(ctx, c.store, c.cfg, id, h.all[id-1])
			if err != nil {
				return fmt.Errorf("census: read %s: %w", id, err)
			}
			m.stamp, h.all[id] = now, m
			h.reads++
		}
		m := h.all[id]
		if m.folded == nil || m.folded.after != before {
			m.folded = m.fold(c.cfg.MinShare, before)
		}
		if m.all.seen > 0 {
			before = m.folded
		}
	}
	return nil
}

// due tells whether a month is to be read again: it has changed, and some time has passed, or
// it has ended since.
func (m *month) due(says stamp, now time.Time) bool {
	if end := m.id.End(); m.readAt.Before(end) && !now.Before(end) {
		return true
	}
	least := minAge
	if m.open {
		least = minOpenAge
	}
	age := now.Sub(m.readAt)
	return m.stamp != says && (age < 0 || age >= max(least, tasks.Rest(m.took)))
}

// folded is what is shown of a month's dimensions, and of the variants of the packages. It
// never changes, and was decided after what another month shows; nil if there is none before.
type folded struct {
	after                *folded
	dimensions, variants map[string]*folding
}

// fold decides what is shown.
func (m *month) fold(least int64, after *folded) *folded {
	f := &folded{after, make(map[string]*folding), make(map[string]*folding)}
	before := folded{}
	if after != nil {
		before = *after
	}
	for dimension, counts := range m.dimensions {
		f.dimensions[dimension] = fold(counts, least, before.dimensions[dimension])
	}
	for _, p := range m.packages {
		f.variants[p.name] = fold(p.variants, least, before.variants[p.name])
	}
	return f
}
