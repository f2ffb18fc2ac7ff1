package rewrite

import (
	"cmp"
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// exclusions puts what any of the files excludes. Of an instance that several exclude,
// the earliest time stays.
func (c *combiner) exclusions() error {
	all := make(map[[2]string]rollup.Exclusion)
	for _, s := range c.from {
		err := s.view(func(tx *bolt.Tx) error {
			return layout.EachExcluded(tx, func(x rollup.Exclusion) error {
				name := [2]string{x.Product, x.Instance}
				if known, ok := all[name]; !ok || cmp.Or(x.At.Compare(known.At), cmp.Compare(x.Reason, known.Reason)) < 0 {
					all[name] = x
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	products := make(map[string][]rollup.Exclusion)
	for name, x := range all {
		products[name[0]] = append(products[name[0]], x)
	}
	return c.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		for product, excluded := range products {
			if _, err := layout.Exclude(tx, product, excluded); err != nil {
				return err
			}
		}
		c.excluded = make(map[string]rollup.Exclusions)
		for _, product := range layout.ExcludedProducts(tx) {
			c.excluded[product] = layout.ExclusionsOf(tx, product)
		}
		return nil
	})
}

// restamp makes a file's figures those of all exclusions, where what the others exclude
// has reported nothing in the month, as [layout.Restamp] does. Otherwise they are left
// stale, and the server counts them again.
func (c *combiner) restamp(s *database, found *candidate) error {
	var own rollup.Exclusions
	all := c.excluded[found.product]
	err := s.view(func(tx *bolt.Tx) error {
		own = layout.ExclusionsOf(tx, found.product)
		return nil
	})
	if err != nil || own.Digest == all.Digest || found.snap.Source == rollup.SourceImported || own.Stale(found.snap) {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(all.Instances), func(instance string) bool {
		_, ok := slices.BinarySearch(own.Instances, instance)
		return ok
	})
	return c.into.view(func(tx *bolt.Tx) error {
		if may, err := layout.FindMonths(tx, found.product, others); err != nil || may.Have(found.snap) {
			return err
		}
		found.snap.Excluding = all.Digest
		found.json, err = record.Stamp(found.product, found.json, all.Digest)
		return err
	})
}
