package store

import (
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// LastReport returns the start of the latest hour in which an instance of a product reported,
// excluded ones too; ok is false where no day has a record of it. It reads the newest day.
func (s *Store) LastReport(product string) (hour time.Time, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		dates, err := layout.DatesOf(tx)
		if err != nil {
			return err
		}
		for _, date := range slices.Backward(dates) {
			records := layout.RecordsOf(layout.DayBucket(tx, date), product)
			if records == nil {
				continue
			}
			var last int
			if last, ok, err = lastHourOf(records); ok || err != nil {
				hour = date.Start().Add(time.Duration(last) * time.Hour)
				return err
			}
		}
		return nil
	})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("store: the last report of %s: %w", product, err)
	}
	return hour, ok, nil
}
