package rewrite

import (
	"context"
	"errors"
	"iter"
	"maps"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Forgetting is what [Forget] does, for a file that a server has open and goes on
// writing: [Forgetting.Make] makes a new file of what there was when a transaction began,
// and [Forgetting.CatchUp] adds what has come since, when nobody writes any more. Its
// methods are called in that order, by one goroutine.
type Forgetting struct {
	*forgetter
	base *bolt.Tx
}

// NewForgetting returns what is to forget a selection, in the file of a transaction. That
// must stay open, so that bbolt uses no page of it again until CatchUp has compared them.
func NewForgetting(ctx context.Context, base *bolt.Tx, sel rollup.Selection, now time.Time, progress func(done, total int64)) *Forgetting {
	return &Forgetting{newForgetter(ctx, &database{DB: base.DB(), as: base}, sel, now, progress), base}
}

// Make makes the new file, which is compact, and returns how many keys it has.
func (f *Forgetting) Make(temp string) (keys int, err error) { return f.make(temp) }

// Found returns what the file had of the selection when the transaction began.
func (f *Forgetting) Found() Found { return f.found }

// Months returns the months that are not what they were.
func (f *Forgetting) Months() iter.Seq[layout.ProductMonth] { return maps.Keys(f.touched) }

// CatchUp opens the new file and adds what the old one, as live sees it, has more than it
// had, but for the selection. What is added leaves no byte of that in unused space either.
// The file that it returns is durable.
func (f *Forgetting) CatchUp(temp string, live *bolt.Tx) (*bolt.DB, error) {
	db, err := boltfile.Open(temp, false)
	if err != nil {
		return nil, err
	}
	db.NoSync = true
	f.into = &database{DB: db}
	f.dicts.Drop()
	f.removed = 0
	f.from[0] = &database{DB: live.DB(), as: live}
	c := catchUp{forgetter: f.forgetter, base: f.base, live: live}
	if err = c.run(); err == nil {
		db.NoSync = false
		err = boltfile.Guard(db.Sync)
	}
	if err != nil {
		_ = db.Close() // it is thrown away
		return nil, err
	}
	return db, nil
}

// catchUp adds to the new file what is in live and was not in base.
type catchUp struct {
	*forgetter
	base, live *bolt.Tx
}

func (c *catchUp) run() error {
	err := boltfile.Surface(boltfile.Guard(func() error { return c.bucket(nil, boltfile.Root(c.base), boltfile.Root(c.live)) }))
	if err != nil {
		return err
	}
	months, err := layout.MonthsOf(c.live)
	for _, month := range months {
		pending := layout.DaySet(layout.MonthOf(c.live, month, c.sel.Product), layout.KeyPending)
		if err == nil && pending != layout.DaySet(layout.MonthOf(c.base, month, c.sel.Product), layout.KeyPending) {
			err = c.refold(c.sel.Product, month, pending)
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(c.figures(), c.exclusions())
}
