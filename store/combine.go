package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Combined tells what Combine has left out.
type Combined struct {
	// QueuedSamples is how many samples wait to be forwarded in the files. They are
	// not in the new file.
	QueuedSamples int64
	// DaysLeftOut is how many days are only in the new file's months, since one of
	// the files had removed what it had of them.
	DaysLeftOut int
	// SnapshotsDropped is how many months lost their figures, since those were
	// computed from one file's rollups, and the merged ones know more.
	SnapshotsDropped int
}

// Combine writes a new file with what all of some files have. None of them is
// changed, and no server may have one open. The result does not depend on their
// order, and a file that is named twice counts once.
//
//   - Days and months are merged by the law of merging: the result is that of a
//     server that saw all reports.
//   - A day that any of the files has folded, or was folding, is folded.
//   - A day that one file has removed can't be told as a whole, also if a late report
//     has brought it back there: it is merged into the month, and left out as a day.
//   - Of a month's figures, final ones win, then those of more clusters, then those
//     collected later. Figures from rollups are dropped if several files have records
//     of the month and do not agree on them: the merged rollups know more.
//   - The list of applications is the one that was fetched last.
//   - The queues are left out, for the files' servers still forward them.
//
// Memory does not grow with the files. progress and the new file are as in
// [Compact].
func Combine(ctx context.Context, into string, from []string, progress func(done, total int64)) (Combined, error) {
	c := combiner{ctx: ctx, progress: progress}
	err := c.open(from)
	if err == nil {
		err = newFile(into, func(temp string) (int, error) {
			return inTwoSteps(ctx, temp, c.build)
		})
	}
	if err = errors.Join(err, c.close()); err != nil {
		return Combined{}, fmt.Errorf("store: merge into %s: %w", into, err)
	}
	return c.left, nil
}

type combiner struct {
	ctx      context.Context
	progress func(done, total int64)
	from     []*Store
	into     *Store
	left     Combined
}

func (c *combiner) open(paths []string) error {
	var opened []os.FileInfo
	for _, path := range paths {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return missingFile(path)
		}
		if err != nil {
			return err
		}
		if slices.ContainsFunc(opened, func(o os.FileInfo) bool { return os.SameFile(o, info) }) {
			continue
		}
		opened = append(opened, info)
		s, err := OpenReadOnly(path)
		if err != nil {
			return err
		}
		c.from = append(c.from, s)
	}
	return nil
}

func (c *combiner) close() (err error) {
	for _, s := range c.from {
		err = errors.Join(err, s.Close())
	}
	return err
}

// build fills a new file.
func (c *combiner) build(stage string) error {
	return buildFile(stage, func(s *Store) error {
		c.into = s
		months, err := c.months()
		if err != nil {
			return err
		}
		if err := buildMonths(months, c.month, c.progress); err != nil {
			return err
		}
		return errors.Join(c.snapshots(), c.appList(), c.queues())
	})
}

// months returns the months of which any file has something.
func (c *combiner) months() ([]rollup.MonthID, error) {
	all := make(map[rollup.MonthID]bool)
	for _, s := range c.from {
		months, err := s.allMonths()
		if err != nil {
			return nil, err
		}
		for _, m := range months {
			all[m] = true
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// month merges a month. The months' own records come first: they tell which days
// are not whole any more.
func (c *combiner) month(month rollup.MonthID) error {
	var folded, removed, present rollup.DaySet
	for _, s := range c.from {
		own, err := c.ownRecords(s, month)
		if err != nil {
			return err
		}
		var days rollup.DaySet
		err = s.view(func(tx *bolt.Tx) error {
			folded |= daySet(monthBucket(tx, month), keyPending)
			removed |= daySet(monthBucket(tx, month), keyRemoved)
			days = presentDays(tx, month)
			return nil
		})
		if err != nil {
			return err
		}
		removed |= own &^ days // which files of earlier versions do not note
		present |= days
	}
	c.left.DaysLeftOut += (removed & present).Len()
	for _, s := range c.from {
		if err := c.days(s, month, removed); err != nil {
			return err
		}
	}
	return errors.Join(c.into.foldAll(c.ctx, month, folded|removed), c.into.noteRemoved(c.ctx, month, removed))
}

// presentDays returns the days of a month that a file has records of.
func presentDays(tx *bolt.Tx, month rollup.MonthID) (days rollup.DaySet) {
	for date := month.First(); date <= month.Last(); date++ {
		if dayBucket(tx, date) != nil {
			days |= rollup.DaySetOf(date.DayOfMonth())
		}
	}
	return days
}

// ownRecords merges a file's own records of a month, and returns their days.
func (c *combiner) ownRecords(s *Store, month rollup.MonthID) (days rollup.DaySet, err error) {
	names, err := s.partitions(month)
	if err != nil {
		return 0, err
	}
	for _, name := range names {
		if !name.own {
			continue
		}
		err := s.eachMonth(c.ctx, month, name.product, func(chunk []instanceMonth) error {
			for _, m := range chunk {
				days |= m.month.Days()
			}
			return c.putMonths(name.product, month, chunk)
		})
		if err != nil {
			return 0, err
		}
	}
	return days, nil
}

func (c *combiner) putMonths(product string, month rollup.MonthID, chunk []instanceMonth) error {
	return c.into.submit(c.ctx, &request{apply: func(tx *bolt.Tx, dicts *dictionaryCache) error {
		return putMonths(tx, dicts, product, month, chunk)
	}})
}

// days merges a file's days of a month; those that are removed elsewhere go into
// the month only.
func (c *combiner) days(s *Store, month rollup.MonthID, removed rollup.DaySet) error {
	names, err := s.partitions(month)
	if err != nil {
		return err
	}
	for _, name := range names {
		if name.own {
			continue
		}
		err := s.eachDay(c.ctx, name.day, name.product, func(chunk []InstanceDay) error {
			if removed&rollup.DaySetOf(name.day.DayOfMonth()) == 0 {
				return c.into.MergeDays(c.ctx, name.product, name.day, chunk)
			}
			return c.putMonths(name.product, month, monthsOfDay(name.day, chunk))
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func monthsOfDay(date rollup.Date, days []InstanceDay) []instanceMonth {
	months := make([]instanceMonth, len(days))
	for i, d := range days {
		months[i] = instanceMonth{d.Instance, rollup.FromDay(date.DayOfMonth(), d.Day)}
	}
	return months
}

// foldAll folds some days of a month that no one else writes to meanwhile. Days
// without records are noted only.
func (s *Store) foldAll(ctx context.Context, month rollup.MonthID, days rollup.DaySet) error {
	if days == 0 {
		return nil
	}
	if err := s.foldProducts(ctx, month, days); err != nil {
		return err
	}
	return s.update(ctx, func(tx *bolt.Tx) error {
		return errors.Join(addDays(tx, month, keyPending, days), addDays(tx, month, keyFolded, days))
	})
}

// noteRemoved notes that days are not whole, if they come back.
func (s *Store) noteRemoved(ctx context.Context, month rollup.MonthID, days rollup.DaySet) error {
	if days == 0 {
		return nil
	}
	return s.update(ctx, func(tx *bolt.Tx) error { return addDays(tx, month, keyRemoved, days) })
}

// queues counts what is left out. What can't be read counts as nothing.
func (c *combiner) queues() error {
	for _, s := range c.from {
		err := s.view(func(tx *bolt.Tx) error {
			return tx.Bucket(bucketQueue).ForEach(func(k, v []byte) error {
				if b, err := decodeBlock(k, v); err == nil {
					c.left.QueuedSamples += int64(b.Samples)
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
