package store

import (
	"context"
	"errors"
)

// Forget removes an instance from a file.
func Forget(ctx context.Context, path string, product, instance string, progress func(done, total int64)) (removed int, err error) {
	return 0, errors.ErrUnsupported
}
