package products

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// IDs returns the ids of instances by their names, as they report them: key returns the key
// that the file hashes names under, and is not called without names. It is an error to name
// a product that there is not, or somebody of one whose instances have no names.
func IDs(name string, names []string, key func() ([]byte, error)) (ids []string, err error) {
	all := All()
	i := slices.IndexFunc(all, func(p product.Product) bool { return p.Name == name })
	switch cozystack := name == "" || name == rollup.Cozystack; {
	case cozystack && len(names) > 0:
		return nil, errors.New("names: a cluster has none, but an id; say of which product they are")
	case !cozystack && i < 0:
		return nil, fmt.Errorf("product: %q is none; there are %s", name, strings.Join(Names(), ", "))
	case len(names) > 0 && all[i].Sessions:
		return nil, fmt.Errorf("names: nobody is known by name of %s", name)
	}
	for _, raw := range names {
		one, err := all[i].Identify(raw)
		if err == nil && one == "" {
			err = errors.New("must not be empty")
		}
		if err != nil {
			return nil, fmt.Errorf("names: %q %w", raw, err)
		}
		k, err := key()
		if err != nil {
			return nil, err
		}
		ids = append(ids, product.HashName(k, one))
	}
	return ids, nil
}
