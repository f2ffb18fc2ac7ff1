package forget

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// ids returns the ids of all that are named. Names are hashed under a key as the server has
// hashed them.
func (r Request) ids(key func() ([]byte, error)) ([]string, error) {
	all := products.All()
	i := slices.IndexFunc(all, func(p product.Product) bool { return p.Name == r.Product })
	switch cozystack := r.Product == "" || r.Product == rollup.Cozystack; {
	case cozystack && len(r.Names) > 0:
		return nil, errors.New("names: a cluster has none, but an id; say of which product they are")
	case cozystack:
		return r.Clusters, nil
	case i < 0:
		return nil, fmt.Errorf("product: %q is none; there are %s", r.Product, strings.Join(products.Names(), ", "))
	case len(r.Names) > 0 && all[i].Sessions:
		return nil, fmt.Errorf("names: nobody is known by name of %s", r.Product)
	}
	ids := slices.Clone(r.Clusters)
	for _, raw := range r.Names {
		name, err := all[i].Identify(raw)
		if err == nil && name == "" {
			err = errors.New("must not be empty")
		}
		if err != nil {
			return nil, fmt.Errorf("names: %q %w", raw, err)
		}
		k, err := key()
		if err != nil {
			return nil, err
		}
		ids = append(ids, product.HashName(k, name))
	}
	return ids, nil
}

// keyOf returns the key of a file. One that was opened for reading only and has none knows
// nobody by name.
func keyOf(ctx context.Context, s *store.Store) ([]byte, error) {
	key, err := s.IdentityKey(ctx)
	if errors.Is(err, dberrors.ErrReadOnly) {
		return nil, errors.New("the file knows nobody by name: it has no key that names were hashed under")
	}
	return key, err
}
