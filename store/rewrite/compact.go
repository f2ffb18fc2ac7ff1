package rewrite

import (
	"context"
	"errors"
	"fmt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// Compact rewrites a file, which no server may have open, into a new one without
// the space that is not used.
//
// progress, unless nil, is told now and then how much of the work is done. The new
// file gets its name when it is complete, durable and checked. Where there is a file
// of that name already, Compact returns fs.ErrExist.
func Compact(ctx context.Context, from, to string, progress func(done, total int64)) error {
	if err := compact(ctx, from, to, progress); err != nil {
		return fmt.Errorf("store: compact %s into %s: %w", from, to, err)
	}
	return nil
}

func compact(ctx context.Context, from, to string, progress func(done, total int64)) error {
	src, err := layout.OpenAtRest(from, true)
	if err != nil {
		return err
	}
	err = boltfile.Create(to, layout.CheckSchema, func(temp string) (keys int, err error) {
		return boltfile.Copy(ctx, src, temp, boltfile.CopyOptions{Progress: progress})
	})
	return errors.Join(err, src.Close())
}
