package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// readChunk is how many records one read transaction hands out, so that a slow
// reader does not keep bbolt from reusing pages.
const readChunk = 500

// FirstMonth returns the first month that has any rollup; ok is false while
// there is none.
func (s *Store) FirstMonth() (month rollup.MonthID, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		if k, _ := tx.Bucket(layout.BucketDays).Cursor().First(); k != nil {
			date, err := rollup.ParseDate(string(k))
			if err != nil {
				return fmt.Errorf("%w: %w", dberrors.ErrDamaged, err)
			}
			month, ok = date.Month(), true
		}
		if k, _ := tx.Bucket(layout.BucketMonths).Cursor().First(); k != nil {
			first, err := rollup.ParseMonth(string(k))
			if err != nil {
				return fmt.Errorf("%w: %w", dberrors.ErrDamaged, err)
			}
			if !ok || first < month {
				month, ok = first, true
			}
		}
		return nil
	})
	if err != nil {
		return 0, false, fmt.Errorf("store: first month: %w", err)
	}
	return month, ok, nil
}

// DayVersions returns the days that have records, each with a number that grows
// with every commit that changes the day.
func (s *Store) DayVersions() (map[rollup.Date]uint64, error) {
	versions := make(map[rollup.Date]uint64)
	err := s.view(func(tx *bolt.Tx) error {
		dates, err := layout.DatesOf(tx)
		for _, date := range dates {
			versions[date] = layout.DayBucket(tx, date).Sequence()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: list days: %w", err)
	}
	return versions, nil
}

// Instances calls fn for every record of a day, by product and then by the
// instance's key. A record that is written meanwhile may or may not be seen; no
// transaction stays open while fn runs.
func (s *Store) Instances(ctx context.Context, date rollup.Date,
	fn func(product, instance string, day rollup.Day) error,
) error {
	products, err := s.dayProducts(date)
	for _, product := range products {
		if err == nil {
			err = s.productInstances(ctx, date, product, fn)
		}
	}
	if err != nil {
		return fmt.Errorf("store: read %s: %w", date, err)
	}
	return nil
}

func (s *Store) dayProducts(date rollup.Date) (products []string, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		b := tx.Bucket(layout.BucketDays).Bucket([]byte(date.String()))
		if b == nil {
			return nil
		}
		return b.ForEachBucket(func(k []byte) error {
			products = append(products, string(k))
			return nil
		})
	})
	return products, err
}

func (s *Store) productInstances(ctx context.Context, date rollup.Date, product string,
	fn func(product, instance string, day rollup.Day) error,
) error {
	name := layout.PartitionName{Product: product, Month: date.Month(), Day: date}
	return layout.EachDay(ctx, s.view, name, readChunk, nil, func(chunk []rollup.InstanceDay) error {
		for _, c := range chunk {
			if err := errors.Join(ctx.Err(), fn(product, c.Instance, c.Day)); err != nil {
				return err
			}
		}
		return nil
	})
}

// knownDays is how far back Known looks, today included.
const knownDays = 3

// Known tells whether an instance has reported in the last days.
func (s *Store) Known(product, instance string, now time.Time) (known bool, err error) {
	today := rollup.DateOf(now)
	err = s.view(func(tx *bolt.Tx) error {
		for date := today; date > today-knownDays && !known; date-- {
			b := tx.Bucket(layout.BucketDays).Bucket([]byte(date.String()))
			if b == nil {
				continue
			}
			records := layout.RecordsOf(b, product)
			known = records != nil && records.Get(record.Key(instance)) != nil
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("store: look for an instance: %w", err)
	}
	return known, nil
}
