package store

import (
	"context"
	"errors"
)

// Compact rewrites a file into a new one.
func Compact(ctx context.Context, from, to string, progress func(done, total int64)) error {
	return errors.ErrUnsupported
}
