package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Keep says what retention keeps of a product. Snapshots, and the queue, are kept
// anyway.
type Keep struct {
	// Days is the first day kept; days before it are removed. The zero Date is the
	// beginning of time: all days are kept.
	Days rollup.Date
	// Months is the first month kept. Months before it are removed, but only once
	// they have no days any more. The zero MonthID keeps all. A month of a product of
	// Options.Unfolded has nothing of its own: it goes with its last day.
	Months rollup.MonthID
	// Promised is set where days shall go though none would be kept: whoever asks is sure
	// of the time.
	Promised bool
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

// Prune removes the oldest days and months of a product that need not be kept, some at
// a time; call it again for the rest. A day is closed into its month first, so the
// figures of the month stay, but for the products of Options.Unfolded. Each removal is
// a transaction of its own, so reports hardly wait. What was removed before an error is
// returned with it.
//
// A record that can't be read can't be closed either: it goes with its day, and is
// told. A day or a month that can't be removed since the file is damaged stays,
// and the others go on; the error tells of it.
//
// It returns ErrGuard, and removes nothing, if no day that has reports, of any product,
// would be kept, unless that is Promised.
//
// A report that still comes for a removed day is merged into the month, which has
// the day already, and makes the day anew with this report alone; the next Prune
// removes it again. The month notes which days were removed, for else such a day
// would look like a whole one.
func (s *Store) Prune(ctx context.Context, product string, keep Keep) (pruned Pruned, err error) {
	if slices.Contains(s.opts.Unfolded, product) {
		keep.Months = keep.Days.Month()
	}
	select {
	case s.pruning <- struct{}{}:
		defer func() { <-s.pruning }()
	case <-ctx.Done():
		return pruned, fmt.Errorf("store: retention: %w", ctx.Err())
	}
	days, months, err := s.prunable(product, keep)
	if err == nil {
		var daysErr, monthsErr error
		pruned.Days, daysErr = pruneSome(days, func(day rollup.Date) error {
			lost, err := s.pruneDay(ctx, product, day)
			if lost.Records > 0 {
				pruned.Unreadable = append(pruned.Unreadable, lost)
			}
			return err
		})
		if daysErr == nil || errors.Is(daysErr, dberrors.ErrDamaged) {
			pruned.Months, monthsErr = pruneSome(months, func(month rollup.MonthID) error { return s.pruneMonth(ctx, product, month) })
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

// prunable returns the days and months of a product to remove, ascending.
func (s *Store) prunable(product string, keep Keep) (days []rollup.Date, months []rollup.MonthID, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		all, err := layout.DatesOf(tx)
		if err != nil || len(all) == 0 {
			return err
		}
		if newest := all[len(all)-1]; !keep.Promised && (newest < keep.Days || newest.Month() < keep.Months) {
			return fmt.Errorf("%w: the newest report is of %s, and %s is the first day to keep", dberrors.ErrGuard, newest, max(keep.Days, keep.Months.First()))
		}
		for _, day := range all {
			if day < keep.Days && layout.DayOf(tx, day, product) != nil {
				days = append(days, day)
			}
		}
		known, err := layout.MonthsOf(tx)
		for _, month := range known {
			if month < keep.Months && layout.MonthOf(tx, month, product) != nil && !layout.HasDays(tx, month, product) {
				months = append(months, month)
			}
		}
		return err
	})
	return days, months, err
}

// pruneDay closes a day into its month and removes it. From then on, what
// comes for the day is merged into the month too, so nothing is lost in between. What can't
// be closed is removed first. Of a day that is never closed the month notes nothing: it
// shall not have it, also when files are merged.
func (s *Store) pruneDay(ctx context.Context, product string, day rollup.Date) (lost Unreadable, err error) {
	unfolded := slices.Contains(s.opts.Unfolded, product)
	if !unfolded {
		if lost, err = s.closeToPrune(ctx, product, day); err != nil {
			return lost, err
		}
	}
	return lost, s.remove(ctx, func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
		if layout.DayOf(tx, day, product) == nil {
			return nil
		}
		if unfolded {
			dicts.Change(product, day.Month())
			return layout.RemoveDay(tx, day, product)
		}
		return errors.Join(
			layout.AddDays(tx, day.Month(), product, layout.KeyRemoved, rollup.DaySetOf(day.DayOfMonth())),
			layout.RemoveDay(tx, day, product),
		)
	})
}

// closeToPrune closes a day, without what can't be read of it.
func (s *Store) closeToPrune(ctx context.Context, product string, day rollup.Date) (lost Unreadable, err error) {
	if err = s.closeProduct(ctx, product, day, day); errors.Is(err, dberrors.ErrDamaged) {
		if lost, err = s.removeUnreadable(ctx, product, day); err == nil {
			err = s.closeProduct(ctx, product, day, day)
		}
	}
	return lost, err
}

// RemovedThrough returns the last day of a product that Prune has ever removed, 1
// January 1970 if none. Since the oldest days go first, a day up to it that is not there was removed,
// and would be removed again if it came back.
func (s *Store) RemovedThrough(product string) (day rollup.Date, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		day = layout.RemovedThrough(tx, product)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("store: removed days: %w", err)
	}
	return day, nil
}

// pruneMonth removes a month, unless a day of it has come back.
func (s *Store) pruneMonth(ctx context.Context, product string, month rollup.MonthID) error {
	return s.exclusively(ctx, func() error {
		return s.remove(ctx, func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
			if layout.HasDays(tx, month, product) {
				return nil
			}
			dicts.Drop() // the month's dictionary goes with it
			s.db.reseed(tx)
			dicts.Change(product, month)
			return layout.RemoveMonth(tx, month, product)
		})
	})
}

// remove runs a change that only removes.
func (s *Store) remove(ctx context.Context, apply func(tx *bolt.Tx, dicts *layout.Dictionaries) error) error {
	return s.submit(ctx, &request{apply: apply, shrinks: true})
}
