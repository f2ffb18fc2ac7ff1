package layout

import (
	"errors"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// toSchema3 lays out by product what schema 2 had of Cozystack alone, and makes room for
// what its months did not have.
func toSchema3(tx *bolt.Tx) error {
	_, err := tx.CreateBucket(BucketExcluded)
	return errors.Join(err, monthsByProduct(tx), daysByProduct(tx), snapshotsByProduct(tx), unfoldMonths(tx))
}

// monthsByProduct moves each month's sets of days to its product.
func monthsByProduct(tx *bolt.Tx) error {
	months, err := MonthsOf(tx)
	for _, month := range months {
		b := MonthBucket(tx, month)
		for _, key := range MonthKeys() {
			days := DaySet(b, key)
			if b.Get(key) == nil {
				continue
			}
			err = errors.Join(err, b.Delete(key), AddDays(tx, month, rollup.Cozystack, key, days))
		}
	}
	return err
}

// daysByProduct gives each day's product the version of the day, and the product the
// last day that was removed.
func daysByProduct(tx *bolt.Tx) error {
	days := tx.Bucket(BucketDays)
	dates, err := DatesOf(tx)
	for _, date := range dates {
		b := DayBucket(tx, date)
		// A day that lost all its records kept its version.
		product, productErr := b.CreateBucketIfNotExists([]byte(rollup.Cozystack))
		if productErr != nil {
			return productErr
		}
		err = errors.Join(err, product.SetSequence(b.Sequence()), b.SetSequence(0))
	}
	if removed := days.Sequence(); removed > 0 {
		err = errors.Join(err, noteRemoved(tx, rollup.Date(removed), rollup.Cozystack), days.SetSequence(0))
	}
	return err
}
