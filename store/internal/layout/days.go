package layout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The keys in a product's bucket of a month, each a set of days as a varint: those
// that are closed into its records; those that are closed or being closed, into which
// the writer merges what still comes; and those whose records were removed, of which a
// late report brings back no more than itself.
var (
	KeyClosed  = []byte("folded")
	KeyPending = []byte("pending")
	KeyRemoved = []byte("removed")
)

// MonthKeys are all keys in a product's bucket of a month.
func MonthKeys() [][]byte { return [][]byte{KeyClosed, KeyPending, KeyRemoved} }

// MonthBucket returns the bucket of a month, nil if nothing is known of it.
func MonthBucket(tx *bolt.Tx, month rollup.MonthID) *bolt.Bucket {
	return tx.Bucket(BucketMonths).Bucket([]byte(month.String()))
}

func makeMonthBucket(tx *bolt.Tx, month rollup.MonthID) (*bolt.Bucket, error) {
	return tx.Bucket(BucketMonths).CreateBucketIfNotExists([]byte(month.String()))
}

// MonthOf returns a product's bucket of a month, nil if nothing is known of it.
func MonthOf(tx *bolt.Tx, month rollup.MonthID, product string) *bolt.Bucket {
	return innerBucket(MonthBucket(tx, month), product)
}

// DaySet reads one of the sets of days of a product's month. A month without a bucket
// has none.
func DaySet(month *bolt.Bucket, key []byte) rollup.DaySet {
	if month == nil {
		return 0
	}
	v, _ := binary.Uvarint(month.Get(key))
	return rollup.DaySet(v)
}

// AddDays adds to one of the sets of days of a product's month.
func AddDays(tx *bolt.Tx, month rollup.MonthID, product string, key []byte, days rollup.DaySet) error {
	parent, err := makeMonthBucket(tx, month)
	if err != nil {
		return err
	}
	b, err := parent.CreateBucketIfNotExists([]byte(product))
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

// DayOf returns a product's bucket of a day, nil if it has none. Its sequence is the
// version of the day.
func DayOf(tx *bolt.Tx, date rollup.Date, product string) *bolt.Bucket {
	return innerBucket(DayBucket(tx, date), product)
}

// PresentDays returns the days of a month that a file has of a product.
func PresentDays(tx *bolt.Tx, month rollup.MonthID, product string) (days rollup.DaySet) {
	for date := month.First(); date <= month.Last(); date++ {
		if DayOf(tx, date, product) != nil {
			days |= rollup.DaySetOf(date.DayOfMonth())
		}
	}
	return days
}

// NotClosed returns which of some days of one month have records of a product that are
// not closed yet.
func NotClosed(tx *bolt.Tx, product string, from, through rollup.Date) (days rollup.DaySet) {
	closed := DaySet(MonthOf(tx, from.Month(), product), KeyClosed)
	for date := from; date <= through; date++ {
		day := rollup.DaySetOf(date.DayOfMonth())
		if closed&day == 0 && RecordsOf(DayBucket(tx, date), product) != nil {
			days |= day
		}
	}
	return days
}

// ProductsOf returns the products of which a file has anything in a month, sorted.
func ProductsOf(tx *bolt.Tx, month rollup.MonthID) (products []string, err error) {
	names, err := Partitions(tx, month)
	for _, name := range names {
		products = append(products, name.Product)
	}
	slices.Sort(products)
	return slices.Compact(products), err
}

// HasRecords tells whether any day of a month has records of a product.
func HasRecords(tx *bolt.Tx, month rollup.MonthID, product string) bool {
	for date := month.First(); date <= month.Last(); date++ {
		if RecordsOf(DayBucket(tx, date), product) != nil {
			return true
		}
	}
	return false
}

// DaysIn returns how many days of a month a file has, of any product.
func DaysIn(tx *bolt.Tx, month rollup.MonthID) (n int) {
	for date := month.First(); date <= month.Last(); date++ {
		if DayBucket(tx, date) != nil {
			n++
		}
	}
	return n
}

// HasDays tells whether a month has any day of a product.
func HasDays(tx *bolt.Tx, month rollup.MonthID, product string) bool {
	return PresentDays(tx, month, product) != 0
}

// RemoveDay removes a product's day, with its date where nobody else has it, and notes
// it for [RemovedThrough].
func RemoveDay(tx *bolt.Tx, date rollup.Date, product string) error {
	return errors.Join(
		noteRemoved(tx, date, product),
		removeInner(tx.Bucket(BucketDays), date.String(), product),
	)
}

// RemoveMonth removes a product's month, with the month's bucket where nobody else has
// it.
func RemoveMonth(tx *bolt.Tx, month rollup.MonthID, product string) error {
	return removeInner(tx.Bucket(BucketMonths), month.String(), product)
}

// noteRemoved notes that a day was removed. What a month notes goes with the month.
func noteRemoved(tx *bolt.Tx, day rollup.Date, product string) error {
	if day <= RemovedThrough(tx, product) {
		return nil
	}
	return tx.Bucket(BucketMeta).Put(removedKey(product), binary.AppendUvarint(nil, uint64(day)))
}

// RemovedThrough returns the last day of a product that was ever removed.
func RemovedThrough(tx *bolt.Tx, product string) rollup.Date {
	day, _ := binary.Uvarint(tx.Bucket(BucketMeta).Get(removedKey(product)))
	return rollup.Date(day)
}

func removedKey(product string) []byte { return append([]byte("removed/"), product...) }

// innerBucket returns a bucket in another one, which may be nil, nil if there is none.
func innerBucket(parent *bolt.Bucket, name string) *bolt.Bucket {
	if parent == nil {
		return nil
	}
	return parent.Bucket([]byte(name))
}

// removeInner removes a product's bucket from that of a day or a month, and this one
// with the last product. Either may be gone already: an error would undo the whole
// transaction, and reports are in it too.
func removeInner(root *bolt.Bucket, name, product string) error {
	parent := root.Bucket([]byte(name))
	if innerBucket(parent, product) == nil {
		return nil
	}
	if err := parent.DeleteBucket([]byte(product)); err != nil {
		return err
	}
	if k, _ := parent.Cursor().First(); k != nil {
		return nil
	}
	return root.DeleteBucket([]byte(name))
}
