package store

import (
	"context"
	"errors"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// buildFile opens an unfinished file for writing, or makes it, and lets fill write to
// it without a sync per commit. Whoever gives the file its name syncs it before.
func buildFile(path string, fill func(s *Store) error) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	s.db.db.NoSync = true // before the first request, so the writer's goroutine sees it
	return errors.Join(fill(s), s.Close())
}

// Build makes a new file of what fill records in it. The file is compact, durable and
// checked when it gets its name. Where there is a file of that name, or one comes
// meanwhile, Build returns fs.ErrExist. An error of fill is returned as it is, and no
// file is made.
func Build(ctx context.Context, path string, fill func(s *Store) error) error {
	return boltfile.Create(path, layout.CheckSchema, func(temp string) (keys int, err error) {
		return boltfile.InTwoSteps(ctx, temp, func(stage string) error { return buildFile(stage, fill) })
	})
}
