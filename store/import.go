package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// MergeDays merges days of many instances of a product into what the file has of
// that date, in one transaction. Where the day has been closed, they are merged
// into it too. Doing it again changes nothing.
//
// Reports wait while it runs, so hand in some thousand days at a time, best in
// the order of the instances. A nil error means that all days are on disk. After
// ErrNameless or ErrFull none is; after
// ErrDamaged, all but those that the error names are; after any other error it is
// unknown which are. days must not be changed afterwards.
func (s *Store) MergeDays(ctx context.Context, product string, date rollup.Date, days []rollup.InstanceDay) error {
	if !isProduct(product) || slices.ContainsFunc(days, func(d rollup.InstanceDay) bool { return !isName(d.Instance) }) {
		return fmt.Errorf("store: merge %s: %w", date, dberrors.ErrNameless)
	}
	var unreadable error
	err := s.submit(ctx, &request{apply: func(tx *bolt.Tx, dicts *layout.Dictionaries) (err error) {
		unreadable, err = mergeDays(tx, dicts, product, date, days)
		return err
	}})
	if err == nil { // only then the writer is done with unreadable
		err = unreadable
	}
	if err != nil {
		return fmt.Errorf("store: merge %s: %w", date, err)
	}
	return nil
}

// mergeDays returns the unreadable records apart: they are left as they are, and
// must not keep the rest of the transaction out.
func mergeDays(tx *bolt.Tx, dicts *layout.Dictionaries, product string, date rollup.Date, days []rollup.InstanceDay) (unreadable, err error) {
	days = inKeyOrder(days)
	if len(days) == 0 {
		return nil, nil
	}
	into, err := layout.OpenDay(tx, dicts, product, date)
	if err != nil {
		return nil, err
	}
	for _, d := range days {
		err := into.Merge(record.Key(d.Instance), d.Day)
		if errors.Is(err, dberrors.ErrDamaged) {
			unreadable = errors.Join(unreadable, fmt.Errorf("%s: %w", d.Instance, err))
			continue
		}
		if err != nil {
			return nil, err
		}
	}
	return unreadable, nil
}

// inKeyOrder returns the days that hold anything in the order of their keys,
// which is what a B+tree likes best.
func inKeyOrder(days []rollup.InstanceDay) []rollup.InstanceDay {
	days = slices.DeleteFunc(slices.Clone(days), func(d rollup.InstanceDay) bool { return d.Day.IsZero() })
	slices.SortFunc(days, func(a, b rollup.InstanceDay) int {
		return bytes.Compare(record.Key(a.Instance), record.Key(b.Instance))
	})
	return days
}
