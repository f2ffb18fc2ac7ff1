package rewrite

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// Compact rewrites a file, which no server may have open, into a new one without
// the space that is not used. The new one has the present schema, also where an older
// version has written the file.
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
	src, err := layout.OpenAnyAtRest(from, true)
	if err != nil {
		return err
	}
	var older bool
	err = (&database{DB: src}).view(func(tx *bolt.Tx) error {
		older = layout.SchemaOf(tx) < layout.SchemaVersion
		return nil
	})
	if err != nil {
		return errors.Join(err, src.Close())
	}
	err = boltfile.Create(to, layout.CheckPresent, func(temp string) (keys int, err error) {
		if older {
			return boltfile.InTwoSteps(ctx, temp, func(stage string) error { return migrated(ctx, src, stage, progress) })
		}
		return boltfile.Copy(ctx, src, temp, boltfile.CopyOptions{Progress: progress})
	})
	return errors.Join(err, src.Close())
}

// migrated makes a copy of a file and brings it to the present schema.
func migrated(ctx context.Context, src *bolt.DB, to string, progress func(done, total int64)) error {
	if _, err := boltfile.Copy(ctx, src, to, boltfile.CopyOptions{Progress: progress}); err != nil {
		return err
	}
	db, err := boltfile.Open(to, false)
	if err != nil {
		return err
	}
	db.NoSync = true // whoever gives the file its name syncs it before
	err = boltfile.Guard(func() error {
		return db.Update(func(tx *bolt.Tx) error { return layout.Migrate(tx, layout.Migrations()) })
	})
	return errors.Join(err, db.Close())
}
