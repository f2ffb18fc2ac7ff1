package store

import (
	"iter"
	"sync"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// changes counts the commits that may have changed what Fold says of a product's month. The
// zero value is ready.
type changes struct {
	mu     sync.Mutex
	months map[layout.ProductMonth]uint64
	all    uint64 // those that may have changed what it says of any month
}

func (c *changes) add(months iter.Seq[layout.ProductMonth]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.months == nil {
		c.months = make(map[layout.ProductMonth]uint64)
	}
	for month := range months {
		c.months[month]++
	}
}

func (c *changes) addAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all++
}

// Changes returns a number that grows whenever what [Store.Fold] says of a product's
// month may have changed. It is 0 when the file is opened. It has grown when the call
// returns that has made the change, so what was folded after a look at it holds
// as long as it stays.
func (s *Store) Changes(product string, month rollup.MonthID) uint64 {
	s.changes.mu.Lock()
	defer s.changes.mu.Unlock()
	return s.changes.months[layout.ProductMonth{Product: product, Month: month}] + s.changes.all
}
