package forget

import (
	"context"
	"errors"

	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// keyOf returns the key of a file. One that was opened for reading only and has none knows
// nobody by name.
func keyOf(ctx context.Context, s *store.Store) ([]byte, error) {
	key, err := s.IdentityKey(ctx)
	if errors.Is(err, dberrors.ErrReadOnly) {
		return nil, errors.New("the file knows nobody by name: it has no key that names were hashed under")
	}
	return key, err
}
