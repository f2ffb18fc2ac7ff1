package serve

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// lockMirror refuses to start beside another server on the same mirror.
func (s *server) lockMirror() (err error) {
	if s.cfg.snapshotDir == "" || s.unlockMirror != nil { // it is locked already
		return nil
	}
	if s.unlockMirror, err = mirror.Lock(s.cfg.snapshotDir); err != nil {
		return fmt.Errorf("%w in %s; give each server its own --snapshot-dir", err, s.cfg.snapshotDir)
	}
	return nil
}

// settleMirror refuses to start beside a mirror that has more than the file: to
// bring that in step would remove what is perhaps the last copy.
func (s *server) settleMirror(now time.Time) error {
	days, err := s.mirror.Ahead()
	if err != nil || len(days) == 0 {
		return err
	}
	if !s.cfg.setAsideMirror {
		return fmt.Errorf("%s is older than its mirror in %s, which has more of %s, %s to %s; put the newer file in its place, or make one with all: "+
			"`%s restore --snapshot-dir %s -o mirrored.db`, then `%s merge %s mirrored.db -o all.db`; or go on without it with --set-aside-mirror",
			s.cfg.dbPath, s.cfg.snapshotDir, cli.CountOf(len(days), "day"), days[0], days[len(days)-1],
			cli.Name, s.cfg.snapshotDir, cli.Name, s.cfg.dbPath)
	}
	folder, err := s.mirror.SetAside(now)
	if err != nil {
		return err
	}
	s.log.Warn().Str("dir", folder).Int("days", len(days)).Stringer("first", days[0]).Stringer("last", days[len(days)-1]).
		Msg("the mirror was ahead of the file and was set aside")
	return nil
}

// mirroredStore is the store, whose snapshots are mirrored as soon as they are
// stored.
type mirroredStore struct {
	*store.Store
	mirror *mirror.Mirror // nil: no mirror
	log    zerolog.Logger
}

// OfferSnapshot stores a snapshot, if it is the better one, and mirrors what stands.
// A mirror that can't be written is no error: the next run of its loop tries again.
func (m mirroredStore) OfferSnapshot(ctx context.Context, s rollup.Snapshot) (rollup.Snapshot, error) {
	kept, err := m.Store.OfferSnapshot(ctx, s)
	if err != nil || m.mirror == nil {
		return kept, err
	}
	if err := m.mirror.WriteSnapshot(kept); err != nil {
		m.log.Warn().Err(err).Msg("a month was stored but not mirrored; it will be tried again")
	}
	return kept, nil
}

// OfferProductSnapshot does the same for another product than cozystack.
func (m mirroredStore) OfferProductSnapshot(ctx context.Context, s rollup.ProductSnapshot) (rollup.ProductSnapshot, error) {
	kept, err := m.Store.OfferProductSnapshot(ctx, s)
	if err != nil || m.mirror == nil {
		return kept, err
	}
	if err := m.mirror.WriteProductSnapshot(kept); err != nil {
		m.log.Warn().Err(err).Str("product", s.Product).Msg("a month was stored but not mirrored; it will be tried again")
	}
	return kept, nil
}

// mirrorMonths mirrors at once what was excluded, and the months that show it.
func (s *server) mirrorMonths() {
	if s.mirror == nil {
		return
	}
	if err := s.mirror.WriteMonths(); err != nil {
		s.log.Warn().Err(err).Msg("what is excluded is stored but not mirrored; it will be tried again")
	}
}
