package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// readChunk is how many records one read transaction hands out, so that a slow
// reader does not keep bbolt from reusing pages.
const readChunk = 500

// FirstMonth returns the first month that has any rollup of a product; ok is false
// while there is none.
func (s *Store) FirstMonth(product string) (month rollup.MonthID, ok bool, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		dates, err := layout.DatesOf(tx)
		if err != nil {
			return err
		}
		months, err := layout.MonthsOf(tx)
		day := slices.IndexFunc(dates, func(d rollup.Date) bool { return layout.DayOf(tx, d, product) != nil })
		if day >= 0 {
			month, ok = dates[day].Month(), true
		}
		own := slices.IndexFunc(months, func(m rollup.MonthID) bool { return layout.MonthOf(tx, m, product) != nil })
		if own >= 0 && (!ok || months[own] < month) {
			month, ok = months[own], true
		}
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("store: first month: %w", err)
	}
	return month, ok, nil
}

// Products returns the products that have a day or a month, sorted.
func (s *Store) Products() (products []string, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		months, err := layout.MonthsOf(tx)
		for _, month := range months {
			if err == nil {
				var some []string
				some, err = layout.ProductsOf(tx, month)
				products = append(products, some...)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: list products: %w", err)
	}
	slices.Sort(products)
	return slices.Compact(products), nil
}

// Days returns the days that have records of any product, ascending.
func (s *Store) Days() (dates []rollup.Date, err error) {
	err = s.view(func(tx *bolt.Tx) (err error) {
		dates, err = layout.DatesOf(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("store: list days: %w", err)
	}
	return dates, nil
}

// DayVersions returns the days that have records of a product, each with a number that
// grows with every commit that changes what the day has of it.
func (s *Store) DayVersions(product string) (map[rollup.Date]uint64, error) {
	versions := make(map[rollup.Date]uint64)
	err := s.view(func(tx *bolt.Tx) error {
		dates, err := layout.DatesOf(tx)
		for _, date := range dates {
			if b := layout.DayOf(tx, date, product); b != nil {
				versions[date] = b.Sequence()
			}
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
			err = s.InstancesOf(ctx, product, date, func(instance string, day rollup.Day) error { return fn(product, instance, day) })
		}
	}
	if err != nil {
		return fmt.Errorf("store: read %s: %w", date, err)
	}
	return nil
}

func (s *Store) dayProducts(date rollup.Date) (products []string, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		b := layout.DayBucket(tx, date)
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

// InstancesOf does for one product what [Store.Instances] does for all.
func (s *Store) InstancesOf(ctx context.Context, product string, date rollup.Date,
	fn func(instance string, day rollup.Day) error,
) error {
	name := layout.PartitionName{Product: product, Month: date.Month(), Day: date}
	err := layout.EachDay(ctx, s.view, name, readChunk, nil, func(chunk []rollup.InstanceDay) error {
		for _, c := range chunk {
			if err := errors.Join(ctx.Err(), fn(c.Instance, c.Day)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("store: read %s of %s: %w", date, product, err)
	}
	return nil
}

// knownDays is how far back Known looks, today included.
const knownDays = 3

// Known tells whether an instance has reported in the last days.
func (s *Store) Known(product, instance string, now time.Time) (known bool, err error) {
	today := rollup.DateOf(now)
	err = s.view(func(tx *bolt.Tx) error {
		for date := today; date > today-knownDays && !known; date-- {
			records := layout.RecordsOf(layout.DayBucket(tx, date), product)
			known = records != nil && records.Get(record.Key(instance)) != nil
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("store: look for an instance: %w", err)
	}
	return known, nil
}
