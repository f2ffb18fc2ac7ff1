package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

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
	return newFile(path, func(temp string) (keys int, err error) {
		return inTwoSteps(ctx, temp, func(stage string) error { return buildFile(stage, fill) })
	})
}

// copyTo fills an empty file with what this one has, but for what skip leaves out.
func (s *Store) copyTo(ctx context.Context, path string, skip func([][]byte) bool) error {
	_, err := copyFile(ctx, s.db, path, copyOptions{skip: skip})
	return err
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

// eachMonth calls fn with the records of a month's own, some at a time and in the
// order of their keys. fn may change what it is given.
func (s *Store) eachMonth(ctx context.Context, month rollup.MonthID, product string, fn func([]instanceMonth) error) error {
	var after []byte
	for {
		var chunk []instanceMonth
		err := s.view(func(tx *bolt.Tx) (err error) {
			chunk, after, err = someMonths(tx, month, product, after)
			return err
		})
		if err = errors.Join(err, ctx.Err()); err != nil || len(chunk) == 0 {
			return err
		}
		if err := fn(chunk); err != nil {
			return err
		}
	}
}

// someMonths decodes the month's own records of the next instances behind a key, and
// returns the key of the last.
func someMonths(tx *bolt.Tx, month rollup.MonthID, product string, after []byte) (chunk []instanceMonth, last []byte, err error) {
	parent := monthBucket(tx, month)
	records, series := recordsOf(parent, product), seriesOf(parent, product)
	if records == nil || series == nil {
		return nil, nil, nil
	}
	dict, err := loadDictionary(series)
	if err != nil {
		return nil, nil, err
	}
	c := records.Cursor()
	for k, v := seekBehind(c, after); k != nil && len(chunk) < buildChunk; k, v = c.Next() {
		m, err := decodeMonth(v, dict)
		if err != nil {
			return nil, nil, err
		}
		chunk, last = append(chunk, instanceMonth{instanceOf(k), m}), k
	}
	return chunk, bytes.Clone(last), nil
}

// buildChunk is how many records one transaction of a rewrite takes.
const buildChunk = 2000

// eachDay does for a day what eachMonth does for a month.
func (s *Store) eachDay(ctx context.Context, date rollup.Date, product string, fn func([]InstanceDay) error) error {
	var chunk []InstanceDay
	flush := func() error {
		if len(chunk) == 0 {
			return nil
		}
		err := fn(chunk)
		chunk = nil
		return err
	}
	err := s.productInstances(ctx, date, product, func(_, instance string, day rollup.Day) error {
		if chunk = append(chunk, InstanceDay{instance, day}); len(chunk) < buildChunk {
			return nil
		}
		return flush()
	})
	if err != nil {
		return err
	}
	return flush()
}

// buildMonths builds some months one after the other. progress, unless nil, is told how
// many are built.
func buildMonths(months []rollup.MonthID, build func(rollup.MonthID) error, progress func(done, total int64)) error {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	total := int64(len(months))
	for i, month := range months {
		progress(int64(i), total)
		if err := build(month); err != nil {
			return fmt.Errorf("%s: %w", month, err)
		}
	}
	progress(total, total)
	return nil
}
