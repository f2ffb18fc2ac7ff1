package census

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// ErrNoData is returned when the rollups know of no cluster in what was asked for: the month,
// or any month.
var ErrNoData = errors.New("census: no data")

// Store is what the census needs of the file. All methods may be called concurrently.
type Store interface {
	// Fold calls fn once for every instance of a product that has any of the metrics
	// between two months, both included, never twice at the same time. months[i] is the
	// fold of the instance's days in month from+i, restricted to the metrics; it is zero
	// for a month without them. fn must not keep months or what they point to, except for
	// the strings. An error of fn ends the walk and is returned. What was recorded before
	// the call is seen. Excluded instances are left out.
	Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
		fn func(instance string, months []rollup.Month) error) error
	// Exclusions returns the instances of a product that Fold leaves out. Whoever has
	// got them finds that Changes has grown since it was another set.
	Exclusions(product string) rollup.Exclusions
	// Changes returns a number that grows whenever what Fold says of a product's month may
	// have changed. It has grown when the call returns that has made the change.
	Changes(product string, month rollup.MonthID) uint64
	// FirstMonth returns the first month that has any rollup of a product; ok is false
	// while there is none.
	FirstMonth(product string) (month rollup.MonthID, ok bool, err error)
}

// Config holds what a [Census] is told. Only Now is required; what is 0 is as in the
// comments.
type Config struct {
	// Now is the clock.
	Now func() time.Time
	// MinShare is of how many clusters a value tells at least; 0 means 5. 1 shows all.
	MinShare int64
	// ConfirmDays is on how many distinct days a cluster must have been seen for it to
	// lift a value over MinShare, and to be in adoption and retention; 0 means 7.
	ConfirmDays int
	// Replicas is the number of servers that share the clusters; 0 means 1. Above 1 no
	// breakdown is complete.
	Replicas int
}

// Census counts clusters. Create it with [New]. Its methods may be called concurrently: one
// at a time reads and counts, the others wait for what it finds.
type Census struct {
	cfg   Config
	store Store
	// forgotten counts the calls of Forget.
	forgotten atomic.Uint64
	// turn holds a token while nobody reads; who takes it has what follows for itself.
	turn chan struct{}
	held months
}

// New returns a Census over a store.
func New(store Store, cfg Config) (*Census, error) {
	if cfg.Now == nil {
		return nil, errors.New("census: a clock is required")
	}
	cfg.MinShare = max(cmp.Or(cfg.MinShare, 5), 1)
	cfg.ConfirmDays = max(cmp.Or(cfg.ConfirmDays, 7), 1)
	cfg.Replicas = cmp.Or(cfg.Replicas, 1)
	c := &Census{cfg: cfg, store: store, turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	return c, nil
}

// Forget drops all that was read of records that are there no more. Call it after they were
// removed from the store.
func (c *Census) Forget() { c.forgotten.Add(1) }

// Breakdown returns what the clusters of a month are made of. Of a running month it may be as
// old as an hour. The error wraps [ErrNoData] for a month of which the rollups know nothing,
// or is the store's, or that of ctx.
func (c *Census) Breakdown(ctx context.Context, month rollup.MonthID) (b *published.Breakdown, err error) {
	err = c.read(ctx, month, func() error {
		b, err = c.breakdown(month)
		return err
	})
	return b, err
}

// read calls count when the months up to one, or up to the running one if that comes first,
// are as the store has them.
func (c *Census) read(ctx context.Context, through rollup.MonthID, count func() error) error {
	select {
	case <-c.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { c.turn <- struct{}{} }()
	if err := c.refresh(ctx, through); err != nil {
		return err
	}
	return count()
}
