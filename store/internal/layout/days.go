package layout

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The keys in a month's bucket, each a set of days as a varint: those that are
// closed into its records; those that are closed or being closed, into which the
// writer merges what still comes; and those whose records were removed, of which a
// late report brings back no more than itself.
var (
	KeyClosed  = []byte("folded")
	KeyPending = []byte("pending")
	KeyRemoved = []byte("removed")
)

// MonthKeys are all keys in a month's bucket.
func MonthKeys() [][]byte { return [][]byte{KeyClosed, KeyPending, KeyRemoved} }

// MonthBucket returns the bucket of a month, nil if nothing is known of it.
func MonthBucket(tx *bolt.Tx, month rollup.MonthID) *bolt.Bucket {
	return tx.Bucket(BucketMonths).Bucket([]byte(month.String()))
}

func makeMonthBucket(tx *bolt.Tx, month rollup.MonthID) (*bolt.Bucket, error) {
	return tx.Bucket(BucketMonths).CreateBucketIfNotExists([]byte(month.String()))
}

// DaySet reads one of a month's sets of days. A month without a bucket has none.
func DaySet(month *bolt.Bucket, key []byte) rollup.DaySet {
	if month == nil {
		return 0
	}
	v, _ := binary.Uvarint(month.Get(key))
	return rollup.DaySet(v)
}

// AddDays adds to one of a month's sets of days.
func AddDays(tx *bolt.Tx, month rollup.MonthID, key []byte, days rollup.DaySet) error {
	b, err := makeMonthBucket(tx, month)
	if err != nil {
		return err
	}
	return b.Put(key, binary.AppendUvarint(nil, uint64(DaySet(b, key)|days)))
}

// DatesOf returns the days of a file, ascending.
func DatesOf(tx *bolt.Tx) ([]rollup.Date, error) {
	return bucketsIn(tx.Bucket(BucketDays), rollup.ParseDate)
}

// MonthsOf returns the months of a file that have a bucket, ascending.
func MonthsOf(tx *bolt.Tx) ([]rollup.MonthID, error) {
	return bucketsIn(tx.Bucket(BucketMonths), rollup.ParseMonth)
}

// bucketsIn reads the names of the buckets in another one.
func bucketsIn[T any](b *bolt.Bucket, parse func(string) (T, error)) (names []T, err error) {
	err = b.ForEachBucket(func(k []byte) error {
		name, err := parse(string(k))
		if err != nil {
			return fmt.Errorf("%w: %w", dberrors.ErrDamaged, err)
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

// DayBucket returns the bucket of a day, nil if it has none.
func DayBucket(tx *bolt.Tx, date rollup.Date) *bolt.Bucket {
	return tx.Bucket(BucketDays).Bucket([]byte(date.String()))
}

// PresentDays returns the days of a month that a file has records of.
func PresentDays(tx *bolt.Tx, month rollup.MonthID) (days rollup.DaySet) {
	for date := month.First(); date <= month.Last(); date++ {
		if DayBucket(tx, date) != nil {
			days |= rollup.DaySetOf(date.DayOfMonth())
		}
	}
	return days
}

// NotClosed returns which of some days of one month are not closed yet.
func NotClosed(tx *bolt.Tx, from, through rollup.Date) (days rollup.DaySet) {
	closed := DaySet(MonthBucket(tx, from.Month()), KeyClosed)
	for date := from; date <= through; date++ {
		day := rollup.DaySetOf(date.DayOfMonth())
		if closed&day == 0 && DayBucket(tx, date) != nil {
			days |= day
		}
	}
	return days
}

// ProductsOf returns the products that have records in some days of a month.
func ProductsOf(tx *bolt.Tx, month rollup.MonthID, days rollup.DaySet) (products []string, err error) {
	for date := month.First(); date <= month.Last(); date++ {
		b := DayBucket(tx, date)
		if b == nil || days&rollup.DaySetOf(date.DayOfMonth()) == 0 {
			continue
		}
		err = b.ForEachBucket(func(k []byte) error {
			if !slices.Contains(products, string(k)) {
				products = append(products, string(k))
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return products, nil
}

// HasDays tells whether a month has any day.
func HasDays(tx *bolt.Tx, month rollup.MonthID) bool {
	k, _ := tx.Bucket(BucketDays).Cursor().Seek([]byte(month.String()))
	return bytes.HasPrefix(k, []byte(month.String()))
}

// NoteRemoved notes that a day was removed, for [RemovedThrough].
func NoteRemoved(tx *bolt.Tx, day rollup.Date) error {
	if day <= RemovedThrough(tx) {
		return nil
	}
	return tx.Bucket(BucketDays).SetSequence(uint64(day))
}

// RemovedThrough returns the last day that was ever removed, which is the sequence
// of the bucket of days: what a month notes goes with the month.
func RemovedThrough(tx *bolt.Tx) rollup.Date { return rollup.Date(tx.Bucket(BucketDays).Sequence()) }

// DeleteBucket deletes a bucket that may be gone already: an error would undo the
// whole transaction, and reports are in it too.
func DeleteBucket(parent *bolt.Bucket, name string) error {
	if parent.Bucket([]byte(name)) == nil {
		return nil
	}
	return parent.DeleteBucket([]byte(name))
}
