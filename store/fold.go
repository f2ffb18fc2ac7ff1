package store

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// foldWorkers is how many goroutines a fold uses: it is bound by the processor.
func foldWorkers() int { return min(runtime.GOMAXPROCS(0), 8) }

// Fold calls fn once for every instance of a product that has any of the metrics
// between two months, both included, in no particular order, and never twice at
// the same time. months[i] is the fold of the instance's days in month from+i,
// restricted to the metrics; it is zero for a month without them. fn must not
// keep months or what they point to, except for the strings. An error of fn ends
// the walk and is returned, and a panic of fn is one of Fold; fn is not called
// again. What was recorded before the call is seen. nil metrics are all.
//
// Memory grows with the months' dictionaries, not with the instances: 8 bytes for
// each series, and some 50 beside its text for each that is of the metrics.
func (s *Store) Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(instance string, months []rollup.Month) error,
) error {
	err := s.viewTogether(foldWorkers(), func(txs []*bolt.Tx) error {
		indexes, err := monthIndexes(txs[0], product, from, to, metrics)
		if err != nil {
			return err
		}
		group, ctx := errgroup.WithContext(ctx)
		fn := oneByOne(ctx, fn)
		for i, keys := range record.Split(len(txs)) {
			group.Go(func() error {
				return boltfile.Guard(func() error { return openWindow(txs[i], product, from, indexes).run(ctx, keys, fn) })
			})
		}
		return group.Wait()
	})
	if err != nil {
		return fmt.Errorf("store: fold %s to %s: %w", from, to, err)
	}
	return nil
}

// oneByOne lets workers call fn in turns, and none after its first error or the
// end of ctx.
func oneByOne(ctx context.Context, fn func(string, []rollup.Month) error) func(string, []rollup.Month) error {
	var turn sync.Mutex
	var failed error
	return func(instance string, months []rollup.Month) error {
		turn.Lock()
		defer turn.Unlock()
		if failed == nil {
			failed = ctx.Err()
		}
		if failed == nil {
			failed = boltfile.Guard(func() error { return fn(instance, months) }) // a panic is its first error too
		}
		return failed
	}
}

// folder walks many partitions side by side, all sorted by instance, and folds
// what they say of one instance at a time: memory does not grow with the number
// of instances.
type folder struct {
	inputs []foldMonth
	// sum adds up a month of the instance at hand.
	sum monthSum
	// months is what fn is given, reused from instance to instance.
	months []rollup.Month
	// key is that of the instance at hand.
	key []byte
}

// foldMonth is what is open of a month. The index is nil if there is nothing.
type foldMonth struct {
	index   *monthIndex
	records []*foldInput
}

// foldInput is one partition on the walk: a day's or a month's.
type foldInput struct {
	cursor *bolt.Cursor
	key    []byte // of the record under the cursor, nil at the end
	value  []byte
	days   rollup.DaySet // the day; 0 for a month's partition
}

// newFolder returns a folder of some months without inputs.
func newFolder(months int) *folder {
	return &folder{inputs: make([]foldMonth, months), months: make([]rollup.Month, months)}
}

// monthIndexes reads the dictionaries of a window.
func monthIndexes(tx *bolt.Tx, product string, from, to rollup.MonthID, metrics []string) (indexes []*monthIndex, err error) {
	for month := from; month <= to && err == nil; month++ {
		var x *monthIndex
		if dictionary := seriesOf(monthBucket(tx, month), product); dictionary != nil {
			x, err = newMonthIndex(dictionary, metrics)
		}
		indexes = append(indexes, x)
	}
	return indexes, err
}

// openWindow opens the partitions of a window: of each month its own, which has
// the days that were folded, and those of all other days. The indexes are of the
// same data.
func openWindow(tx *bolt.Tx, product string, from rollup.MonthID, indexes []*monthIndex) *folder {
	f := newFolder(len(indexes))
	for i, x := range indexes {
		if x != nil {
			month := from + rollup.MonthID(i)
			folded := daySet(monthBucket(tx, month), keyFolded)
			f.openMonth(tx, product, i, month, x, ^folded, folded != 0)
		}
	}
	return f
}

// openDays returns a folder of some days of a month alone, those that there are,
// with all metrics.
func openDays(tx *bolt.Tx, product string, month rollup.MonthID, days rollup.DaySet) (*folder, error) {
	indexes, err := monthIndexes(tx, product, month, month, nil)
	if err != nil {
		return nil, err
	}
	f := newFolder(1)
	if indexes[0] != nil {
		f.openMonth(tx, product, 0, month, indexes[0], days, false)
	}
	return f, nil
}

// openMonth opens some days of a month, those that there are, and the month's own
// records if they are asked for.
func (f *folder) openMonth(tx *bolt.Tx, product string, i int, month rollup.MonthID, x *monthIndex, days rollup.DaySet, own bool) {
	f.inputs[i].index = x
	f.sum.fit(x)
	if own {
		f.inputs[i].open(monthBucket(tx, month), product, 0)
	}
	for date := month.First(); date <= month.Last(); date++ {
		day := rollup.DaySetOf(date.DayOfMonth())
		if b := dayBucket(tx, date); b != nil && days&day != 0 {
			f.inputs[i].open(b, product, day)
		}
	}
}

func (m *foldMonth) open(parent *bolt.Bucket, product string, days rollup.DaySet) {
	if records := recordsOf(parent, product); records != nil {
		m.records = append(m.records, &foldInput{cursor: records.Cursor(), days: days})
	}
}

// run walks the instances whose keys lie in a range.
func (f *folder) run(ctx context.Context, keys record.Range, fn func(string, []rollup.Month) error) error {
	for _, m := range f.inputs {
		for _, in := range m.records {
			in.key, in.value = seekBehind(in.cursor, keys.After)
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		key := f.next()
		if key == nil || keys.EndsBefore(key) {
			return nil
		}
		f.key = key
		found, err := f.add(key)
		if err != nil {
			return fmt.Errorf("%s: %w", record.Instance(key), err)
		}
		if !found {
			continue
		}
		if err := fn(record.Instance(key), f.months); err != nil {
			return err
		}
	}
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
	for _, m := range f.inputs {
		for _, in := range m.records {
			if in.key != nil && (least == nil || bytes.Compare(in.key, least) < 0) {
				least = in.key
			}
		}
	}
	return least
}

// add fills months with the records of an instance, and moves on behind it. It
// reports whether any month has something.
func (f *folder) add(key []byte) (found bool, err error) {
	for i := range f.inputs {
		if err := f.inputs[i].add(key, &f.sum); err != nil {
			return false, err
		}
		f.sum.take(f.inputs[i].index, &f.months[i])
		found = found || len(f.months[i].Metrics) > 0
	}
	return found, nil
}

func (m *foldMonth) add(key []byte, sum *monthSum) (err error) {
	for _, in := range m.records {
		if in.key == nil || !bytes.Equal(in.key, key) {
			continue
		}
		if in.days == 0 {
			err = sum.addMonth(in.value, m.index.meanings)
		} else {
			err = sum.addDay(in.value, m.index.meanings, in.days)
		}
		if err != nil {
			return err
		}
		in.key, in.value = in.cursor.Next()
	}
	return nil
}
