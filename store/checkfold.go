package store

import (
	"errors"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// folds compares a month's own records with the fold of its days. The record must
// hold all of the days that are folded. It must hold no more than the days, if all
// days that it names are still there: what retention has removed is in the month
// only.
func (c *checker) folds(tx *bolt.Tx, month rollup.MonthID, product string) error {
	parent := monthBucket(tx, month)
	dict := dictionaryOf(tx, month, product)
	records := recordsOf(parent, product)
	own := func(instance string) (m rollup.Month) {
		if records == nil {
			return m
		}
		if v := records.Get(instanceKey(instance)); v != nil {
			m, _ = decodeMonth(v, dict) // a record that does not decode was reported
		}
		return m
	}
	folded, pending := daySet(parent, keyFolded), daySet(parent, keyPending)
	err := c.foldOf(tx, product, month, folded, func(instance string, days rollup.Month) {
		if m := own(instance); !equalMonths(m.Merge(days), m) {
			c.report(ProblemFold, "%s: %q: the month lacks some of a day that is folded", month, instance)
		}
	})
	if err != nil {
		return err
	}
	return c.foldOf(tx, product, month, pending, func(instance string, days rollup.Month) {
		m := own(instance)
		if m.Days()&^days.Days() == 0 && !equalMonths(days.Merge(m), days) {
			c.report(ProblemFold, "%s: %q: the month has more than its days", month, instance)
		}
	})
}

// foldOf calls fn with the fold of some days of each instance that has any of them.
func (c *checker) foldOf(tx *bolt.Tx, product string, month rollup.MonthID, days rollup.DaySet,
	fn func(instance string, days rollup.Month),
) error {
	f := newFolder(1, nil)
	err := f.openMonth(tx, product, 0, month, days, false)
	if err == nil {
		f.ready()
		err = f.run(c.ctx, keyRange{}, func(instance string, months []rollup.Month) error {
			fn(instance, months[0])
			return nil
		})
	}
	if errors.Is(err, ErrDamaged) {
		return nil // the dictionary or the record was reported
	}
	return err
}

func equalMonths(a, b rollup.Month) bool {
	return slices.Equal(a.Peaks, b.Peaks) && slices.Equal(a.Metrics, b.Metrics)
}
