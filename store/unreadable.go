package store

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Unreadable tells of records that retention removed with their day without having
// closed them, since they, or the records of the month that they belong into, can't
// be read.
type Unreadable struct {
	Day     rollup.Date
	Records int
	// Err is what is wrong with the first of them. It wraps ErrDamaged.
	Err error
}

// unreadable are the keys of a day's records that can't be merged into the month.
type unreadable struct {
	keys [][]byte
	err  error // of the first
}

func (u *unreadable) add(key []byte, err error) {
	if u.keys == nil {
		u.err = fmt.Errorf("%s: %w", record.Instance(key), err)
	}
	u.keys = append(u.keys, bytes.Clone(key))
}

// removeUnreadable removes those records of a product's day that can't be merged into
// the month.
func (s *Store) removeUnreadable(ctx context.Context, product string, day rollup.Date) (Unreadable, error) {
	var found unreadable
	err := s.view(func(tx *bolt.Tx) (err error) {
		found, err = unreadableOf(tx, product, day)
		return err
	})
	if err != nil || len(found.keys) == 0 {
		return Unreadable{}, err
	}
	err = s.remove(ctx, func(tx *bolt.Tx, _ *layout.Dictionaries) error { return found.remove(layout.DayOf(tx, day, product)) })
	if err != nil {
		return Unreadable{}, err
	}
	return Unreadable{Day: day, Records: len(found.keys), Err: found.err}, nil
}

func unreadableOf(tx *bolt.Tx, product string, day rollup.Date) (found unreadable, err error) {
	month := layout.MonthBucket(tx, day.Month())
	records, series := layout.RecordsOf(layout.DayBucket(tx, day), product), layout.SeriesOf(month, product)
	if records == nil || series == nil {
		return found, nil
	}
	readable := readableWith(series, layout.RecordsOf(month, product))
	err = records.ForEach(func(k, v []byte) error {
		if err := readable(k, v); err != nil {
			found.add(k, err)
		}
		return nil
	})
	return found, err
}

// readableWith returns what tells whether a day's record can be merged into the
// month's own, which may be nil.
func readableWith(series, own *bolt.Bucket) func(key, value []byte) error {
	dict, err := layout.LoadDictionary(series)
	if err != nil {
		return func(_, _ []byte) error { return err }
	}
	return func(key, value []byte) error {
		if _, err := record.DecodeDay(value, dict); err != nil || own == nil {
			return err
		}
		if into := own.Get(key); into != nil {
			_, err := record.DecodeMonth(into, dict)
			return err
		}
		return nil
	}
}

// remove removes them from their day, and with the last one the bucket of the records:
// then the dictionary need not be read any more.
func (u *unreadable) remove(day *bolt.Bucket) error {
	records := day.Bucket(layout.BucketRecords)
	for _, key := range u.keys {
		if err := records.Delete(key); err != nil {
			return err
		}
	}
	if k, _ := records.Cursor().First(); k == nil {
		if err := day.DeleteBucket(layout.BucketRecords); err != nil {
			return err
		}
	}
	_, err := day.NextSequence()
	return err
}
