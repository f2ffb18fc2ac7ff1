package store

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Fold calls fn once for every instance of a product that has any of the metrics
// between two months, both included, in the order of the instances' keys.
// months[i] is the fold of the instance's days in month from+i, restricted to
// the metrics; it is zero for a month without them. fn must not keep months or
// what they point to, except for the strings. An error of fn ends the walk and
// is returned. What was recorded before the call is seen.
func (s *Store) Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(instance string, months []rollup.Month) error,
) error {
	err := s.view(func(tx *bolt.Tx) error {
		f, err := newFolder(tx, product, from, to, metrics)
		if err != nil {
			return err
		}
		return f.run(ctx, nil, fn)
	})
	if err != nil {
		return fmt.Errorf("store: fold %s to %s: %w", from, to, err)
	}
	return nil
}

// folder walks many partitions side by side, all sorted by instance, and folds
// what they say of one instance at a time: memory does not grow with the number
// of instances.
type folder struct {
	inputs []*foldInput
	// index numbers the wanted series and metrics over all partitions.
	index *foldIndex
	// sums[i] adds up month from+i of the instance at hand.
	sums []monthSum
	// months is what fn is given, reused from instance to instance.
	months []rollup.Month
}

// foldInput is one partition on the walk: a day's or a folded month's.
type foldInput struct {
	cursor *bolt.Cursor
	key    []byte // of the record under the cursor, nil at the end
	value  []byte
	month  int           // counted from the window's first month
	days   rollup.DaySet // the day; 0 for a month's partition
	series []foldSeries  // by number in the partition's dictionary
}

// newFolder opens every partition of the window. A month that has been folded is
// read as such, any other from its days.
func newFolder(tx *bolt.Tx, product string, from, to rollup.MonthID, metrics []string) (*folder, error) {
	n := int(to-from) + 1
	f := &folder{index: newFoldIndex(metrics), sums: make([]monthSum, n), months: make([]rollup.Month, n)}
	for i := range n {
		month := from + rollup.MonthID(i)
		if b := closedMonth(tx, month); b != nil {
			if err := f.open(b, product, i, 0); err != nil {
				return nil, err
			}
			continue
		}
		for date := month.First(); date <= month.Last(); date++ {
			b := tx.Bucket(bucketDays).Bucket([]byte(date.String()))
			if b == nil {
				continue
			}
			if err := f.open(b, product, i, rollup.DaySetOf(date.DayOfMonth())); err != nil {
				return nil, err
			}
		}
	}
	f.index.sort()
	for i := range f.sums {
		f.sums[i].init(f.index)
	}
	return f, nil
}

func (f *folder) open(parent *bolt.Bucket, product string, month int, days rollup.DaySet) error {
	records, series := partitionBuckets(parent, product)
	if records == nil || series == nil {
		return nil
	}
	in := &foldInput{cursor: records.Cursor(), month: month, days: days}
	var err error
	if in.series, err = f.index.add(series); err != nil {
		return err
	}
	f.inputs = append(f.inputs, in)
	return nil
}

// run walks the instances whose keys lie behind after, all of them if it is nil.
func (f *folder) run(ctx context.Context, after []byte, fn func(string, []rollup.Month) error) error {
	for _, in := range f.inputs {
		in.key, in.value = seekBehind(in.cursor, after)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		key := f.next()
		if key == nil {
			return nil
		}
		if err := f.add(key); err != nil {
			return err
		}
		if !f.take() {
			continue
		}
		if err := fn(instanceOf(key), f.months); err != nil {
			return err
		}
	}
}

// take fills months with what was added. It reports whether any of them has
// something.
func (f *folder) take() (found bool) {
	for i := range f.sums {
		f.months[i] = f.sums[i].take(f.index)
		found = found || len(f.months[i].Metrics) > 0
	}
	return found
}

// seekBehind moves a cursor to the first key behind after, which may be nil.
func seekBehind(c *bolt.Cursor, after []byte) (key, value []byte) {
	key, value = c.Seek(after)
	if after != nil && bytes.Equal(key, after) {
		return c.Next()
	}
	return key, value
}

// next returns the smallest key under the cursors.
func (f *folder) next() []byte {
	var least []byte
	for _, in := range f.inputs {
		if in.key != nil && (least == nil || bytes.Compare(in.key, least) < 0) {
			least = in.key
		}
	}
	return least
}

// add takes every record of an instance, and moves on behind it.
func (f *folder) add(key []byte) error {
	for _, in := range f.inputs {
		if in.key == nil || !bytes.Equal(in.key, key) {
			continue
		}
		var err error
		if in.days == 0 {
			err = f.sums[in.month].addMonth(in.value, in.series)
		} else {
			err = f.sums[in.month].addDay(in.value, in.series, in.days)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", instanceOf(key), err)
		}
		in.key, in.value = in.cursor.Next()
	}
	return nil
}
