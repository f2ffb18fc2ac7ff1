package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
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
	// Unreadable are those of the days that had records which can't be read.
	Unreadable []Unreadable
}

// pruneStep bounds how many days, and how many months, one Prune removes: a wrong
// date is noticed before it has cost much.
const pruneStep = 7

// Prune removes the oldest days and months that need not be kept, some at a time;
// call it again for the rest. A day is closed into its month first, so the
// figures of the month stay. Each removal is a transaction of its own, so reports
// hardly wait. What was removed before an error is returned with it.
//
// A record that can't be read can't be closed either: it goes with its day, and is
// told. A day or a month that can't be removed since the file is damaged stays,
// and the others go on; the error tells of it.
//
// It returns ErrGuard, and removes nothing, if no day that has reports would be
// kept.
//
// A report that still comes for a removed day is merged into the month, which has
// the day already, and makes the day anew with this report alone; the next Prune
// removes it again. The month notes which days were removed, for else such a day
// would look like a whole one.
func (s *Store) Prune(ctx context.Context, keep Keep) (pruned Pruned, err error) {
	days, months, err := s.prunable(keep)
	if err == nil {
		var daysErr, monthsErr error
		pruned.Days, daysErr = pruneSome(days, func(day rollup.Date) error {
			lost, err := s.pruneDay(ctx, day)
			if lost.Records > 0 {
				pruned.Unreadable = append(pruned.Unreadable, lost)
			}
			return err
		})
		if daysErr == nil || errors.Is(daysErr, dberrors.ErrDamaged) {
			pruned.Months, monthsErr = pruneSome(months, func(month rollup.MonthID) error { return s.pruneMonth(ctx, month) })
		}
		err = errors.Join(daysErr, monthsErr)
	}
	if err != nil {
		err = fmt.Errorf("store: retention: %w", err)
	}
	return pruned, err
}

// pruneSome removes the first items. What is damaged is passed over.
func pruneSome[T fmt.Stringer](items []T, remove func(T) error) (removed []T, err error) {
	for _, item := range items {
		if len(removed) == pruneStep {
			break
		}
		one := remove(item)
		if one == nil {
			removed = append(removed, item)
			continue
		}
		err = errors.Join(err, fmt.Errorf("%s: %w", item, one))
		if !errors.Is(one, dberrors.ErrDamaged) {
			break
		}
	}
	return removed, err
}

// prunable returns the days and months to remove, ascending.
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
		return nil, nil, fmt.Errorf("%w: the newest report is of %s, and %s is the first day to keep", dberrors.ErrGuard, newest, max(keep.Days, keep.Months.First()))
	}
	for _, day := range all {
		if day < keep.Days {
			days = append(days, day)
		}
	}
	err = s.view(func(tx *bolt.Tx) error {
		all, err := layout.MonthsOf(tx)
		for _, month := range all {
			if month < keep.Months && !layout.HasDays(tx, month) {
				months = append(months, month)
			}
		}
		return err
	})
	return days, months, err
}

// pruneDay closes a day into its month and removes it. From then on, what
// comes for the day is merged into the month too, so nothing is lost in between. What can't
// be closed is removed first.
func (s *Store) pruneDay(ctx context.Context, day rollup.Date) (lost Unreadable, err error) {
	if err = s.closeDays(ctx, day, day); errors.Is(err, dberrors.ErrDamaged) {
		if lost, err = s.removeUnreadable(ctx, day); err == nil {
			err = s.closeDays(ctx, day, day)
		}
	}
	if err != nil {
		return lost, err
	}
	return lost, s.remove(ctx, func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		if layout.DayBucket(tx, day) == nil {
			return nil
		}
		return errors.Join(
			layout.AddDays(tx, day.Month(), layout.KeyRemoved, rollup.DaySetOf(day.DayOfMonth())),
			layout.NoteRemoved(tx, day),
			layout.DeleteBucket(tx.Bucket(layout.BucketDays), day.String()),
		)
	})
}

// RemovedThrough returns the last day that Prune has ever removed, 1 January 1970 if
// none. Since the oldest days go first, a day up to it that is not there was removed,
// and would be removed again if it came back.
func (s *Store) RemovedThrough() (day rollup.Date, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		day = layout.RemovedThrough(tx)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store: removed days: %w", err)
	}
	return day, nil
}

// pruneMonth removes a month, unless a day of it has come back.
func (s *Store) pruneMonth(ctx context.Context, month rollup.MonthID) error {
	return s.exclusively(ctx, func() error {
		return s.remove(ctx, func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
			if layout.HasDays(tx, month) {
				return nil
			}
			dicts.Drop() // the month's dictionary goes with it
			dicts.Change(month)
			return layout.DeleteBucket(tx.Bucket(layout.BucketMonths), month.String())
		})
	})
}

// remove runs a change that only removes.
func (s *Store) remove(ctx context.Context, apply func(tx *bolt.Tx, dicts *layout.Dictionaries) error) error {
	return s.submit(ctx, &request{apply: apply, shrinks: true})
}
