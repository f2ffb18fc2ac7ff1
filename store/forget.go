package store

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Forget removes an instance from a file that no one has open: its records of all
// days and months, and its lines in the queue. It returns how many records and lines
// these were. The figures of final months are sums over all instances; they stay.
// Those of a month that is still counted are counted anew.
//
// The whole file is written anew, record by record, and takes the place of the old
// one in one step: no byte of the instance is left in it, not even in space that is
// not used, nor a series that no one else has. The file stays the same database,
// and each day that had the instance gets a higher version, so that a mirror
// follows. What retention has removed may still lie in unused space: that goes too,
// so the file is also rewritten if it has no record of the instance any more.
//
// progress is as in [Compact]. A file of an older schema returns ErrOlder.
func Forget(ctx context.Context, path string, product, instance string, progress func(done, total int64)) (removed int, err error) {
	// A rename over a symbolic link would leave the file that it points to.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	db, err := openUnchanged(path, false)
	if err != nil {
		return 0, err
	}
	f := forgetter{ctx: ctx, product: product, instance: instance, progress: progress}
	if f.from, err = newReader(db, path); err == nil {
		err = f.from.view(checkPresent)
	}
	if err == nil {
		err = replaceFile(path, func(temp string) (int, error) {
			return inTwoSteps(ctx, temp, f.build)
		})
	}
	if err = errors.Join(err, db.Close()); err != nil {
		return 0, fmt.Errorf("store: forget in %s: %w%s", path, err, offlineRemedy(err))
	}
	return f.removed, nil
}

type forgetter struct {
	ctx               context.Context
	product, instance string
	progress          func(done, total int64)
	from, into        *Store
	removed           int
}

// build copies the file but for the records, which follow one by one: only the
// series that they name come into the new dictionaries.
func (f *forgetter) build(stage string) error {
	if err := f.from.copyTo(f.ctx, stage, isProduct); err != nil {
		return err
	}
	return buildFile(stage, func(s *Store) error {
		f.into = s
		months, err := f.from.allMonths()
		if err != nil {
			return err
		}
		if err := buildMonths(months, f.month, f.progress); err != nil {
			return err
		}
		return f.queue()
	})
}

// isProduct tells whether a path is that of a product in a day or a month.
func isProduct(path [][]byte) bool {
	root := string(path[0])
	return len(path) == 3 && (root == string(bucketDays) || root == string(bucketMonths))
}

func (f *forgetter) month(month rollup.MonthID) error {
	before := f.removed
	names, err := f.from.partitions(month)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !name.own {
			err = f.day(name)
		} else {
			err = f.from.eachMonth(f.ctx, month, name.product, func(chunk []instanceMonth) error {
				return f.putMonths(name, chunk)
			})
		}
		if err != nil {
			return err
		}
	}
	if f.removed == before {
		return nil
	}
	return f.figures(month)
}

func (f *forgetter) putMonths(name partitionName, chunk []instanceMonth) error {
	chunk = slices.DeleteFunc(chunk, func(m instanceMonth) bool { return f.forgets(name.product, m.instance) })
	return f.into.submit(f.ctx, &request{apply: func(tx *bolt.Tx, dicts *dictionaryCache) error {
		return putMonths(tx, dicts, name.product, name.month, chunk)
	}})
}

// forgets tells whether a record is the instance's, and counts it.
func (f *forgetter) forgets(product, instance string) bool {
	if product != f.product || instance != f.instance {
		return false
	}
	f.removed++
	return true
}

func (f *forgetter) day(name partitionName) error {
	before := f.removed
	err := f.from.eachDay(f.ctx, name.day, name.product, func(chunk []InstanceDay) error {
		return f.putDays(name, chunk)
	})
	if err != nil || f.removed == before {
		return err
	}
	return f.into.update(f.ctx, func(tx *bolt.Tx) error {
		_, err := dayBucket(tx, name.day).NextSequence()
		return err
	})
}

// putDays writes records as they are. MergeDays would merge them into the month too,
// and give the day a new version.
func (f *forgetter) putDays(name partitionName, chunk []InstanceDay) error {
	chunk = slices.DeleteFunc(chunk, func(d InstanceDay) bool { return f.forgets(name.product, d.Instance) })
	return f.into.submit(f.ctx, &request{apply: func(tx *bolt.Tx, dicts *dictionaryCache) error {
		p, err := dicts.day(tx, name.day, name.product)
		if err != nil {
			return err
		}
		for _, d := range chunk {
			if _, err := mergeDay(p, instanceKey(d.Instance), d.Day); err != nil {
				return err
			}
		}
		return nil
	}})
}
