package store

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Keep says what retention keeps. Snapshots, and the queue, are kept anyway.
type Keep struct {
	// Days is the first day kept; days before it are removed. The zero Date is the
	// beginning of time: all days are kept.
	Days rollup.Date
	// Months is the first month kept. Months before it are removed, but only once
	// they have no days any more. The zero MonthID keeps all.
	Months rollup.MonthID
}

// Pruned lists what was removed, ascending.
type Pruned struct {
	Days   []rollup.Date
	Months []rollup.MonthID
}

// pruneStep bounds how many days, and how many months, one Prune removes: a wrong
// date is noticed before it has cost much.
const pruneStep = 7

// Prune removes the oldest days and months that need not be kept, some at a time;
// call it again for the rest. A day is folded into its month first, so the
// figures of the month stay. Each removal is a transaction of its own, so reports
// hardly wait. What was removed before an error is returned with it.
//
// It returns ErrGuard, and removes nothing, if no day that has reports would be
// kept.
//
// A report that still comes for a removed day is merged into the month, which has
// the day already, and makes the day anew with this report alone; the next Prune
// removes it again.
func (s *Store) Prune(ctx context.Context, keep Keep) (pruned Pruned, err error) {
	days, months, err := s.prunable(keep)
	for _, day := range days {
		if err == nil {
			err = s.pruneDay(ctx, day)
		}
		if err == nil {
			pruned.Days = append(pruned.Days, day)
		}
	}
	for _, month := range months {
		if err == nil {
			err = s.pruneMonth(ctx, month)
		}
		if err == nil {
			pruned.Months = append(pruned.Months, month)
		}
	}
	if err != nil {
		err = fmt.Errorf("store: retention: %w", err)
	}
	return pruned, err
}

// prunable returns the next days and months to remove.
func (s *Store) prunable(keep Keep) (days []rollup.Date, months []rollup.MonthID, err error) {
	versions, err := s.DayVersions()
	if err != nil {
		return nil, nil, err
	}
	all := slices.Sorted(maps.Keys(versions))
	if len(all) == 0 {
		return nil, nil, nil
	}
	if newest := all[len(all)-1]; newest < keep.Days || newest.Month() < keep.Months {
		return nil, nil, fmt.Errorf("%w: the newest report is of %s, and %s is the first day to keep", ErrGuard, newest, max(keep.Days, keep.Months.First()))
	}
	for _, day := range all {
		if day < keep.Days && len(days) < pruneStep {
			days = append(days, day)
		}
	}
	err = s.view(func(tx *bolt.Tx) error {
		all, err := monthsOf(tx)
		for _, month := range all {
			if month < keep.Months && len(months) < pruneStep && !hasDays(tx, month) {
				months = append(months, month)
			}
		}
		return err
	})
	return days, months, err
}

func hasDays(tx *bolt.Tx, month rollup.MonthID) bool {
	k, _ := tx.Bucket(bucketDays).Cursor().Seek([]byte(month.String()))
	return bytes.HasPrefix(k, []byte(month.String()))
}

// pruneDay folds a day into its month and removes it. From the fold on, what
// comes for the day is merged into the month too, so nothing is lost in between.
func (s *Store) pruneDay(ctx context.Context, day rollup.Date) error {
	if err := s.foldDays(ctx, day, day); err != nil {
		return err
	}
	return s.remove(ctx, func(tx *bolt.Tx, _ *dictionaryCache) error {
		return deleteBucket(tx.Bucket(bucketDays), day.String())
	})
}

// pruneMonth removes a month, unless a day of it has come back.
func (s *Store) pruneMonth(ctx context.Context, month rollup.MonthID) error {
	return s.exclusively(ctx, func() error {
		return s.remove(ctx, func(tx *bolt.Tx, dicts *dictionaryCache) error {
			if hasDays(tx, month) {
				return nil
			}
			dicts.drop() // the month's dictionary goes with it
			return deleteBucket(tx.Bucket(bucketMonths), month.String())
		})
	})
}

// deleteBucket deletes a bucket that may be gone already: an error would undo the
// whole transaction, and reports are in it too.
func deleteBucket(parent *bolt.Bucket, name string) error {
	if parent.Bucket([]byte(name)) == nil {
		return nil
	}
	return parent.DeleteBucket([]byte(name))
}

// remove runs a change that only removes.
func (s *Store) remove(ctx context.Context, apply func(tx *bolt.Tx, dicts *dictionaryCache) error) error {
	return s.submit(ctx, &request{apply: apply, shrinks: true})
}
