package fold

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Walk walks many partitions side by side, all sorted by instance, and folds
// what they say of one instance at a time: memory does not grow with the number
// of instances.
type Walk struct {
	inputs []monthInputs
	// sum adds up a month of the instance at hand.
	sum monthSum
	// months is what fn is given, reused from instance to instance.
	months []rollup.Month
	// key is that of the instance at hand.
	key []byte
	// out are the keys of the instances that are left out.
	out map[string]struct{}
	// known tells of the instances that need not be read; nil: all are.
	known func(instance string, digest uint64) (bool, error)
	hash  maphash.Hash
}

// PassOver leaves out the instances of which known returns true, with a digest of all
// their records in the window. Under one seed, while series have the same numbers, equal
// digests of an instance stand for equal months. An error of known ends the walk.
func (w *Walk) PassOver(seed maphash.Seed, known func(instance string, digest uint64) (bool, error)) {
	w.known = known
	w.hash.SetSeed(seed)
}

// monthInputs is what is open of a month. The index is nil if there is nothing.
type monthInputs struct {
	index   *Index
	records []*input
}

// input is one partition on the walk: a day's or a month's.
type input struct {
	cursor *bolt.Cursor
	key    []byte // of the record under the cursor, nil at the end
	value  []byte
	days   rollup.DaySet // the day; 0 for a month's partition
}

// newWalk returns a walk over some months without inputs.
func newWalk(months int) *Walk {
	return &Walk{inputs: make([]monthInputs, months), months: make([]rollup.Month, months)}
}

// Indexes reads the dictionaries of a window.
func Indexes(tx *bolt.Tx, product string, from, to rollup.MonthID, metrics []string) (indexes []*Index, err error) {
	for month := from; month <= to && err == nil; month++ {
		var x *Index
		if dictionary := layout.SeriesOf(layout.MonthBucket(tx, month), product); dictionary != nil {
			x, err = newIndex(dictionary, metrics)
		}
		indexes = append(indexes, x)
	}
	return indexes, err
}

// OpenWindow opens the partitions of a window: of each month its own, which has
// the days that are closed, and those of all other days. The indexes are of the
// same data. The instances with keys in out are left out.
func OpenWindow(tx *bolt.Tx, product string, from rollup.MonthID, indexes []*Index, out map[string]struct{}) *Walk {
	w := newWalk(len(indexes))
	w.out = out
	for i, x := range indexes {
		if x != nil {
			month := from + rollup.MonthID(i)
			closed := layout.DaySet(layout.MonthOf(tx, month, product), layout.KeyClosed)
			w.openMonth(tx, product, i, month, x, ^closed, closed != 0)
		}
	}
	return w
}

// OpenDays returns a walk over some days of a month alone, those that there are,
// with all metrics.
func OpenDays(tx *bolt.Tx, product string, month rollup.MonthID, days rollup.DaySet) (*Walk, error) {
	indexes, err := Indexes(tx, product, month, month, nil)
	if err != nil {
		return nil, err
	}
	w := newWalk(1)
	if indexes[0] != nil {
		w.openMonth(tx, product, 0, month, indexes[0], days, false)
	}
	return w, nil
}

// openMonth opens some days of a month, those that there are, and the month's own
// records if they are asked for.
func (w *Walk) openMonth(tx *bolt.Tx, product string, i int, month rollup.MonthID, x *Index, days rollup.DaySet, own bool) {
	w.inputs[i].index = x
	w.sum.fit(x)
	if own {
		w.inputs[i].open(layout.MonthBucket(tx, month), product, 0)
	}
	for date := month.First(); date <= month.Last(); date++ {
		day := rollup.DaySetOf(date.DayOfMonth())
		if b := layout.DayBucket(tx, date); b != nil && days&day != 0 {
			w.inputs[i].open(b, product, day)
		}
	}
}

func (m *monthInputs) open(parent *bolt.Bucket, product string, days rollup.DaySet) {
	if records := layout.RecordsOf(parent, product); records != nil {
		m.records = append(m.records, &input{cursor: records.Cursor(), days: days})
	}
}

// Run calls fn for each instance whose key lies in a range, in the order of the keys,
// with its months, and with the digest that [Walk.PassOver] asks for, else 0. fn must not
// keep the months. An error of fn ends the walk.
func (w *Walk) Run(ctx context.Context, keys record.Range, fn func(string, uint64, []rollup.Month) error) error {
	for _, m := range w.inputs {
		for _, in := range m.records {
			in.key, in.value = layout.SeekBehind(in.cursor, keys.After)
		}
	}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		key := w.next()
		if key == nil || keys.EndsBefore(key) {
			return nil
		}
		w.key = key
		if _, out := w.out[string(key)]; out {
			w.pass()
			continue
		}
		instance, digest := record.Instance(key), uint64(0)
		if w.known != nil {
			digest = w.sum64()
			known, err := w.known(instance, digest)
			if err != nil {
				return err
			}
			if known {
				w.pass()
				continue
			}
		}
		found, err := w.add()
		if err != nil {
			return fmt.Errorf("%s: %w", instance, err)
		}
		if !found {
			continue
		}
		if err := fn(instance, digest, w.months); err != nil {
			return err
		}
	}
}

// next returns the smallest key under the cursors.
func (w *Walk) next() []byte {
	var least []byte
	for _, m := range w.inputs {
		for _, in := range m.records {
			if in.key != nil && (least == nil || bytes.Compare(in.key, least) < 0) {
				least = in.key
			}
		}
	}
	return least
}

// sum64 returns a digest of the records of the instance at hand, and of which days they are.
func (w *Walk) sum64() uint64 {
	w.hash.Reset()
	for i, m := range w.inputs {
		for _, in := range m.records {
			if bytes.Equal(in.key, w.key) {
				var head [16]byte
				binary.LittleEndian.PutUint32(head[:], uint32(i))
				binary.LittleEndian.PutUint32(head[4:], uint32(in.days))
				binary.LittleEndian.PutUint64(head[8:], uint64(len(in.value)))
				w.hash.Write(head[:])
				w.hash.Write(in.value)
			}
		}
	}
	return w.hash.Sum64()
}

// pass moves on behind the instance at hand, whose records are not read.
func (w *Walk) pass() {
	for _, m := range w.inputs {
		for _, in := range m.records {
			if bytes.Equal(in.key, w.key) {
				in.key, in.value = in.cursor.Next()
			}
		}
	}
}

// add fills months with the records of the instance at hand, and moves on behind it. It
// reports whether any month has something.
func (w *Walk) add() (found bool, err error) {
	for i := range w.inputs {
		if err := w.inputs[i].add(w.key, &w.sum); err != nil {
			return false, err
		}
		w.sum.take(w.inputs[i].index, &w.months[i])
		found = found || len(w.months[i].Metrics) > 0
	}
	return found, nil
}

func (m *monthInputs) add(key []byte, sum *monthSum) (err error) {
	for _, in := range m.records {
		if !bytes.Equal(in.key, key) {
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
	if m.index == nil {
		return nil
	}
	return sum.endDays(m.index.meanings)
}
