package rewrite

import (
	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// database is a file that no server has open, or one as it was when a transaction began.
type database struct {
	*bolt.DB
	as *bolt.Tx // nil: as it is
}

func (d *database) view(f func(tx *bolt.Tx) error) error {
	if d.as == nil {
		return boltfile.View(d.DB, f)
	}
	return boltfile.Surface(boltfile.Guard(func() error { return f(d.as) }))
}

// monthDays are sets of days of a product's month: those that have records, those of them that
// are not closed, and those that the month notes.
type monthDays struct{ days, open, pending, removed rollup.DaySet }

func (d *monthDays) add(other monthDays) {
	d.days |= other.days
	d.open |= other.open
	d.pending |= other.pending
}

// monthDays reads them.
func (d *database) monthDays(month rollup.MonthID, product string) (sets monthDays, err error) {
	err = d.view(func(tx *bolt.Tx) error {
		b := layout.MonthOf(tx, month, product)
		sets.days = layout.PresentDays(tx, month, product)
		sets.open = sets.days &^ layout.DaySet(b, layout.KeyClosed)
		sets.pending, sets.removed = layout.DaySet(b, layout.KeyPending), layout.DaySet(b, layout.KeyRemoved)
		return nil
	})
	return sets, err
}
