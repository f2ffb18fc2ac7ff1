package main

import (
	"context"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// mirroredStore is the store, whose snapshots are mirrored as soon as they are
// stored.
type mirroredStore struct {
	*store.Store
	mirror *overview.Mirror // nil: no mirror
	log    zerolog.Logger
}

// PutSnapshot stores a snapshot and mirrors it. A mirror that can't be written
// is no error: the next run of its loop tries again.
func (m mirroredStore) PutSnapshot(ctx context.Context, s rollup.Snapshot) error {
	if err := m.Store.PutSnapshot(ctx, s); err != nil || m.mirror == nil {
		return err
	}
	if err := m.mirror.WriteSnapshot(s); err != nil {
		m.log.Warn().Err(err).Msg("a month was stored but not mirrored; it will be tried again")
	}
	return nil
}
