package rewrite

import (
	"slices"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// exclusions takes out what is noted of the instance being excluded. The figures that
// leave it out stay: they are right without it too.
func (f *forgetter) exclusions() error {
	return f.write(func(tx *bolt.Tx, _ *layout.Dictionaries) error {
		for _, product := range layout.ExcludedProducts(tx) {
			before := layout.ExclusionsOf(tx, product)
			gone := slices.DeleteFunc(slices.Clone(before.Instances), func(instance string) bool { return !f.forgets(product, instance) })
			if _, err := layout.Include(tx, product, gone); err != nil {
				return err
			}
			if err := layout.Restamp(tx, product, before, gone); err != nil {
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
