package store

import (
	"context"
	"errors"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// buildFile opens an unfinished file for writing, or makes it, and lets fill write to
// it without a sync per commit. Whoever gives the file its name syncs it before.
func buildFile(path string, fill func(s *Store) error) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	s.db.NoSync = true // before the first request, so the writer's goroutine sees it
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

// Partitions returns the partitions of a month.
func (s *Store) partitions(month rollup.MonthID) (names []layout.PartitionName, err error) {
	err = s.view(func(tx *bolt.Tx) (err error) {
		names, err = layout.Partitions(tx, month)
		return err
	})
	return names, err
}

// allMonths returns the months of which a file has anything, ascending.
func (s *Store) allMonths() (months []rollup.MonthID, err error) {
	err = s.view(func(tx *bolt.Tx) (err error) {
		months, err = layout.MonthsOf(tx)
		return err
	})
	return months, err
}
