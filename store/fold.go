package store

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"sync"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// foldWorkers is how many goroutines a fold uses: it is bound by the processor.
func foldWorkers() int { return min(runtime.GOMAXPROCS(0), 8) }

// Fold calls fn once for every instance of a product that has any of the metrics
// between two months, both included, in no particular order, and never twice at
// the same time. months[i] is the fold of the instance's days in month from+i,
// restricted to the metrics; it is zero for a month without them. fn must not
// keep months or what they point to, except for the strings. An error of fn ends
// the walk and is returned. What was recorded before the call is seen.
func (s *Store) Fold(ctx context.Context, product string, from, to rollup.MonthID, metrics []string,
	fn func(instance string, months []rollup.Month) error,
) error {
	var calls sync.Mutex
	oneByOne := func(instance string, months []rollup.Month) error {
		calls.Lock()
		defer calls.Unlock()
		return fn(instance, months)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, keys := range splitKeys(foldWorkers()) {
		group.Go(func() error {
			return s.view(func(tx *bolt.Tx) error {
				f, err := openWindow(tx, product, from, to, metrics)
				if err != nil {
					return err
				}
				return f.run(ctx, keys, oneByOne)
			})
		})
	}
	if err := group.Wait(); err != nil {
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

// foldInput is one partition on the walk: a day's or a month's.
type foldInput struct {
	cursor *bolt.Cursor
	key    []byte // of the record under the cursor, nil at the end
	value  []byte
	month  int           // counted from the window's first month
	days   rollup.DaySet // the day; 0 for a month's partition
	series []foldSeries  // by number in the month's dictionary
}

// newFolder returns a folder of some months without inputs; nil metrics are all.
func newFolder(months int, metrics []string) *folder {
	return &folder{
		index:  newFoldIndex(metrics),
		sums:   make([]monthSum, months),
		months: make([]rollup.Month, months),
	}
}

// openWindow opens the partitions of a window: of each month its own, which has
// the days that were folded, and those of all other days.
func openWindow(tx *bolt.Tx, product string, from, to rollup.MonthID, metrics []string) (*folder, error) {
	f := newFolder(int(to-from)+1, metrics)
	for i := range f.months {
		month := from + rollup.MonthID(i)
		folded := daySet(monthBucket(tx, month), keyFolded)
		if err := f.openMonth(tx, product, i, month, ^folded, folded != 0); err != nil {
			return nil, err
		}
	}
	f.ready()
	return f, nil
}

// openMonth opens some days of a month, those that there are, and the month's own
// records if they are asked for.
func (f *folder) openMonth(tx *bolt.Tx, product string, i int, month rollup.MonthID, days rollup.DaySet, own bool) error {
	parent := monthBucket(tx, month)
	dictionary := seriesOf(parent, product)
	if dictionary == nil {
		return nil // nothing of this product in the month
	}
	series, err := f.index.add(dictionary)
	if err != nil {
		return err
	}
	if own {
		f.open(parent, product, foldInput{month: i, series: series})
	}
	for date := month.First(); date <= month.Last(); date++ {
		day := rollup.DaySetOf(date.DayOfMonth())
		if b := tx.Bucket(bucketDays).Bucket([]byte(date.String())); b != nil && days&day != 0 {
			f.open(b, product, foldInput{month: i, series: series, days: day})
		}
	}
	return nil
}

func (f *folder) open(parent *bolt.Bucket, product string, in foldInput) {
	if records := recordsOf(parent, product); records != nil {
		in.cursor = records.Cursor()
		f.inputs = append(f.inputs, &in)
	}
}

// ready is called between the last open and run.
func (f *folder) ready() {
	f.index.sort()
	for i := range f.sums {
		f.sums[i].init(f.index)
	}
}

// run walks the instances whose keys lie in a range.
func (f *folder) run(ctx context.Context, keys keyRange, fn func(string, []rollup.Month) error) error {
	for _, in := range f.inputs {
		in.key, in.value = seekBehind(in.cursor, keys.after)
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		key := f.next()
		if key == nil || keys.endsBefore(key) {
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
