package layout

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Viewer runs a read transaction, as boltfile.View does.
type Viewer = func(func(tx *bolt.Tx) error) error

// PartitionName names a partition: a product's day, or its month's own records.
type PartitionName struct {
	Product string
	Month   rollup.MonthID
	Own     bool        // the month's own
	Day     rollup.Date // else
}

// Partitions returns the partitions of a month, in the order of their products:
// the month's own, then those of its days.
func Partitions(tx *bolt.Tx, month rollup.MonthID) (names []PartitionName, err error) {
	add := func(parent *bolt.Bucket, own bool, day rollup.Date) error {
		if parent == nil {
			return nil
		}
		return parent.ForEachBucket(func(product []byte) error {
			names = append(names, PartitionName{string(product), month, own, day})
			return nil
		})
	}
	err = add(MonthBucket(tx, month), true, 0)
	for date := month.First(); date <= month.Last() && err == nil; date++ {
		err = add(DayBucket(tx, date), false, date)
	}
	return names, err
}

// BuildChunk is how many records one transaction of a rewrite takes.
const BuildChunk = 2000

// ChunkPoints bounds the values of series that the records of one transaction have together; the
// last record may go beyond. Anybody may send clusters with thousands of series.
const ChunkPoints = 64 << 10

// EachMonth calls fn with the records of a month's own, some at a time and in the order of
// their keys. No transaction is open while fn runs, which may change what it is given.
// Records of instances that are not to be kept are not decoded; nil keeps all.
func EachMonth(ctx context.Context, view Viewer, name PartitionName, keep func(instance string) bool, fn func([]rollup.InstanceMonth) error) error {
	return walk(ctx, view, name, BuildChunk, keep, func(instance string, v []byte, dict *record.Dictionary) (rollup.InstanceMonth, int, error) {
		m, err := record.DecodeMonth(v, dict)
		return rollup.InstanceMonth{Instance: instance, Month: m}, m.Size(), err
	}, fn)
}

// EachDay does for a day what EachMonth does for a month.
func EachDay(ctx context.Context, view Viewer, name PartitionName, some int, keep func(instance string) bool, fn func([]rollup.InstanceDay) error) error {
	return walk(ctx, view, name, some, keep, func(instance string, v []byte, dict *record.Dictionary) (rollup.InstanceDay, int, error) {
		d, err := record.DecodeDay(v, dict)
		return rollup.InstanceDay{Instance: instance, Day: d}, d.Size(), err
	}, fn)
}

// errFull ends a transaction whose records have enough series.
var errFull = errors.New("enough for one transaction")

// walk is EachMonth for any kind of records.
func walk[R any](ctx context.Context, view Viewer, name PartitionName, some int, keep func(instance string) bool,
	decode func(instance string, v []byte, dict *record.Dictionary) (r R, points int, err error), fn func([]R) error,
) error {
	// The walk goes on from the key that it met, not from that of the instance: another
	// program may have written the key of a UUID as text, and ours lies before it.
	var after []byte
	for {
		var chunk []R
		var last []byte
		room := ChunkPoints
		err := view(func(tx *bolt.Tx) error {
			return name.some(tx, after, some, func(k, v []byte, dict *record.Dictionary) error {
				if room <= 0 {
					return errFull
				}
				last = append(last[:0], k...)
				instance := record.Instance(k)
				if keep != nil && !keep(instance) {
					return nil
				}
				r, points, err := decode(instance, v, dict)
				if err != nil {
					return fmt.Errorf("%s: %w", instance, err)
				}
				room -= points
				chunk = append(chunk, r)
				return nil
			})
		})
		if errors.Is(err, errFull) {
			err = nil
		}
		if err = errors.Join(err, ctx.Err()); err != nil || last == nil {
			return err
		}
		if len(chunk) > 0 {
			if err := fn(chunk); err != nil {
				return err
			}
		}
		after = last
	}
}

// some calls fn with the next records behind a key. Where the partition is gone there
// are none.
func (name PartitionName) some(tx *bolt.Tx, after []byte, n int, fn func(k, v []byte, dict *record.Dictionary) error) error {
	month := MonthBucket(tx, name.Month)
	parent := month
	if !name.Own {
		parent = DayBucket(tx, name.Day)
	}
	records, series := RecordsOf(parent, name.Product), SeriesOf(month, name.Product)
	if records == nil || series == nil {
		return nil
	}
	dict, err := LoadDictionary(series)
	c := records.Cursor()
	for k, v := SeekBehind(c, after); k != nil && n > 0 && err == nil; k, v = c.Next() {
		err = fn(k, v, dict)
		n--
	}
	return err
}

// SeekBehind moves a cursor to the first key behind after, which may be nil.
func SeekBehind(c *bolt.Cursor, after []byte) (key, value []byte) {
	key, value = c.Seek(after)
	if after != nil && bytes.Equal(key, after) {
		return c.Next()
	}
	return key, value
}
