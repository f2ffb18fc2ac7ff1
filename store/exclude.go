package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Excluded returns all that figures leave out, by product and then in the order of the
// keys.
func (s *Store) Excluded() (all []rollup.Exclusion, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		return layout.EachExcluded(tx, func(x rollup.Exclusion) error {
			all = append(all, x)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("store: list what is excluded: %w", err)
	}
	return all, nil
}

// Exclusions returns the instances of a product that [Store.Fold] leaves out. It reads
// no file. What it returns is never newer than what [Store.Changes] tells.
func (s *Store) Exclusions(product string) rollup.Exclusions {
	return (*s.excluded.Load())[product]
}

// Exclude lets the figures leave instances out, all in one transaction, and returns how
// many were not left out before. Those that were keep the time and the reason that they
// have. Stored figures of the months that have any of them are stale when it returns, by
// [rollup.Exclusions.Stale]; all others are of the new set.
func (s *Store) Exclude(ctx context.Context, all []rollup.Exclusion) (added int, err error) {
	if slices.ContainsFunc(all, func(x rollup.Exclusion) bool { return !isProduct(x.Product) || !isName(x.Instance) }) {
		return 0, fmt.Errorf("store: exclude: %w", dberrors.ErrNameless)
	}
	products := make(map[string]bool)
	for _, x := range all {
		products[x.Product] = true
	}
	added, err = s.changeExcluded(ctx, slices.Collect(maps.Keys(products)), func(tx *bolt.Tx, product string) ([]string, error) {
		return layout.Exclude(tx, product, all)
	})
	if err != nil {
		return 0, fmt.Errorf("store: exclude: %w", err)
	}
	return added, nil
}

// Include undoes Exclude for instances of a product, and returns how many were left out.
func (s *Store) Include(ctx context.Context, product string, instances []string) (removed int, err error) {
	removed, err = s.changeExcluded(ctx, []string{product}, func(tx *bolt.Tx, product string) ([]string, error) {
		return layout.Include(tx, product, instances)
	})
	if err != nil {
		return 0, fmt.Errorf("store: include: %w", err)
	}
	return removed, nil
}

// changeExcluded changes what is excluded of some products in the writer's next
// transaction, makes the stored figures follow, and returns how many instances change
// returns. It is carried out in a full file too: a flood is what fills one.
func (s *Store) changeExcluded(ctx context.Context, products []string, change func(tx *bolt.Tx, product string) ([]string, error)) (int, error) {
	count := 0 // the writer's, until err is nil
	err := s.submit(ctx, &request{excludes: true, shrinks: true, apply: func(tx *bolt.Tx, dicts *layout.Dictionaries) error {
		count = 0
		dicts.Drop() // what they keep room for depends on who is excluded
		for _, product := range products {
			before := layout.ExclusionsOf(tx, product)
			changed, err := change(tx, product)
			if err == nil {
				count += len(changed)
				err = layout.Restamp(tx, product, before, changed)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}})
	if err != nil {
		return 0, err
	}
	return count, nil
}

// loadExcluded reads what Exclusions returns.
func (s *Store) loadExcluded(tx *bolt.Tx) error {
	sets := make(map[string]rollup.Exclusions)
	for _, product := range layout.ExcludedProducts(tx) {
		sets[product] = layout.ExclusionsOf(tx, product)
	}
	s.excluded.Store(&sets)
	return nil
}
