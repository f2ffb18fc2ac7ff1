package store

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// buildFile opens an unfinished file for writing, or makes it, and lets fill write to
// it without a sync per commit. Whoever gives the file its name syncs it before.
func buildFile(path string, fill func(s *Store) error) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	s.db.NoSync = true // before the first request, so the writer's goroutine sees it
	return errors.Join(fill(s), s.Close())
}

// Build makes a new file of what fill records in it. The file is compact, durable and
// checked when it gets its name. Where there is a file of that name, or one comes
// meanwhile, Build returns fs.ErrExist. An error of fill is returned as it is, and no
// file is made.
func Build(ctx context.Context, path string, fill func(s *Store) error) error {
	return boltfile.Create(path, checkSchema, func(temp string) (keys int, err error) {
		return boltfile.InTwoSteps(ctx, temp, func(stage string) error { return buildFile(stage, fill) })
	})
}

// partitionName names a partition: a product's day, or its month's own records.
type partitionName struct {
	product string
	month   rollup.MonthID
	own     bool        // the month's own
	day     rollup.Date // else
}

// partitions returns the partitions of a month, in the order of their products:
// the month's own, then those of its days.
func (s *Store) partitions(month rollup.MonthID) (names []partitionName, err error) {
	add := func(parent *bolt.Bucket, own bool, day rollup.Date) error {
		if parent == nil {
			return nil
		}
		return parent.ForEachBucket(func(product []byte) error {
			names = append(names, partitionName{string(product), month, own, day})
			return nil
		})
	}
	err = s.view(func(tx *bolt.Tx) error {
		err := add(monthBucket(tx, month), true, 0)
		for date := month.First(); date <= month.Last() && err == nil; date++ {
			err = add(dayBucket(tx, date), false, date)
		}
		return err
	})
	return names, err
}

// allMonths returns the months of which a file has anything, ascending.
func (s *Store) allMonths() (months []rollup.MonthID, err error) {
	err = s.view(func(tx *bolt.Tx) (err error) {
		months, err = monthsOf(tx)
		return err
	})
	return months, err
}

// buildChunk is how many records one transaction of a rewrite takes.
const buildChunk = 2000

// eachMonth calls fn with the records of a month's own, as walk does.
func (s *Store) eachMonth(ctx context.Context, name partitionName, keep func(instance string) bool, fn func([]instanceMonth) error) error {
	return walk(ctx, s, name, buildChunk, keep, func(instance string, v []byte, dict *record.Dictionary) (instanceMonth, error) {
		m, err := record.DecodeMonth(v, dict)
		return instanceMonth{instance, m}, err
	}, fn)
}

// eachDay calls fn with the records of a day, some at a time, as walk does.
func (s *Store) eachDay(ctx context.Context, name partitionName, some int, keep func(instance string) bool, fn func([]InstanceDay) error) error {
	return walk(ctx, s, name, some, keep, func(instance string, v []byte, dict *record.Dictionary) (InstanceDay, error) {
		d, err := record.DecodeDay(v, dict)
		return InstanceDay{instance, d}, err
	}, fn)
}

// walk calls fn with a partition's records, some at a time and in the order of their
// keys. No transaction is open while fn runs, which may change what it is given.
// Records of instances that are not to be kept are not decoded; nil keeps all.
func walk[R any](ctx context.Context, s *Store, name partitionName, some int, keep func(instance string) bool,
	decode func(instance string, v []byte, dict *record.Dictionary) (R, error), fn func([]R) error,
) error {
	// The walk goes on from the key that it met, not from that of the instance: another
	// program may have written the key of a UUID as text, and ours lies before it.
	var after []byte
	for {
		var chunk []R
		var last []byte
		err := s.view(func(tx *bolt.Tx) error {
			return name.some(tx, after, some, func(k, v []byte, dict *record.Dictionary) error {
				last = append(last[:0], k...)
				instance := record.Instance(k)
				if keep != nil && !keep(instance) {
					return nil
				}
				r, err := decode(instance, v, dict)
				if err != nil {
					return fmt.Errorf("%s: %w", instance, err)
				}
				chunk = append(chunk, r)
				return nil
			})
		})
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
func (name partitionName) some(tx *bolt.Tx, after []byte, n int, fn func(k, v []byte, dict *record.Dictionary) error) error {
	month := monthBucket(tx, name.month)
	parent := month
	if !name.own {
		parent = dayBucket(tx, name.day)
	}
	records, series := recordsOf(parent, name.product), seriesOf(month, name.product)
	if records == nil || series == nil {
		return nil
	}
	dict, err := loadDictionary(series)
	c := records.Cursor()
	for k, v := seekBehind(c, after); k != nil && n > 0 && err == nil; k, v = c.Next() {
		err = fn(k, v, dict)
		n--
	}
	return err
}
