package rewrite

import (
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// exclusions takes out what is noted of the instances being excluded. The figures that
// leave them out stay: they are right without them too.
func (f *forgetter) exclusions() error {
	before := make(map[string]rollup.Exclusions)
	err := f.from[0].view(func(tx *bolt.Tx) error {
		for _, product := range layout.ExcludedProducts(tx) {
			before[product] = layout.ExclusionsOf(tx, product)
		}
		return nil
	})
	if err != nil || len(before) == 0 {
		return err
	}
	return f.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		for product, excluded := range before {
			gone := slices.DeleteFunc(slices.Clone(excluded.Instances), func(instance string) bool { return !f.forgets(product, instance) })
			if _, err := layout.Include(tx, product, gone); err != nil {
				return err
			}
			if err := layout.RestampForgotten(tx, product, excluded); err != nil {
				return err
			}
		}
		return nil
	})
}

// forgets tells whether all of an instance is meant.
func (f *forgetter) forgets(product, instance string) bool {
	return f.sel.To == 0 && f.sel.HasInstance(product, instance)
}
