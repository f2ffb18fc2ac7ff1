package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/fold"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// CloseDays closes the days of a month, up to and including one, into the month's
// rollups, so that a fold of the month need not read each of them. Days that
// are closed already cost nothing. A report that still comes for a closed day is
// merged into both. Products of Options.Unfolded are left as they are.
func (s *Store) CloseDays(ctx context.Context, month rollup.MonthID, through rollup.Date) error {
	if err := s.closeDays(ctx, month.First(), min(through, month.Last())); err != nil {
		return fmt.Errorf("store: fold the days of %s: %w", month, err)
	}
	return nil
}

// closeDays closes some days of one month, product by product. What is damaged of one
// does not keep the others.
func (s *Store) closeDays(ctx context.Context, from, through rollup.Date) error {
	var products []string
	err := s.view(func(tx *bolt.Tx) (err error) {
		products, err = layout.ProductsOf(tx, from.Month())
		return err
	})
	for _, product := range products {
		if !slices.Contains(s.opts.Unfolded, product) {
			err = errors.Join(err, s.closeProduct(ctx, product, from, through))
		}
	}
	return err
}

// closeProduct closes some days of one month of a product.
func (s *Store) closeProduct(ctx context.Context, product string, from, through rollup.Date) error {
	return s.exclusively(ctx, func() error { return s.closeThem(ctx, product, from, through) })
}

// exclusively runs f while no one else closes days or removes a month. Closing takes
// several transactions: a month that were removed between them would come back
// with a part of its figures, and without the mark that makes the writer merge
// late reports into it.
func (s *Store) exclusively(ctx context.Context, f func() error) error {
	leave, err := s.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	return f()
}

// enter waits until no one does what is done exclusively. From then on the caller does,
// until leave is called.
func (s *Store) enter(ctx context.Context) (leave func(), err error) {
	select {
	case s.closingDays <- struct{}{}:
		return func() { <-s.closingDays }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *Store) closeThem(ctx context.Context, product string, from, through rollup.Date) error {
	month := from.Month()
	var days rollup.DaySet
	err := s.view(func(tx *bolt.Tx) error {
		days = layout.NotClosed(tx, product, from, through)
		return nil
	})
	if err != nil || days == 0 {
		return err
	}
	err = s.update(ctx, func(tx *bolt.Tx) error { return layout.AddDays(tx, month, product, layout.KeyPending, days) })
	if err != nil {
		return err
	}
	// Only now: what comes from here on is merged into the month as well, so no
	// instance can be missed.
	err = fold.Days(ctx, s.view, product, month, days, func(chunk []rollup.InstanceMonth) error {
		return s.submit(ctx, &request{apply: func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
			return layout.PutMonths(tx, dicts, product, month, chunk)
		}})
	})
	if err != nil {
		return err
	}
	// From here on the month is read in place of its days. It has the same, unless
	// bounds have kept something out.
	return s.submit(ctx, &request{apply: func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
		dicts.Change(product, month)
		return layout.AddDays(tx, month, product, layout.KeyClosed, days)
	}})
}
