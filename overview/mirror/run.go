package mirror

import (
	"context"
	"errors"
	"io/fs"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store/durable"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Run repairs the mirror and then keeps it in step until ctx ends. Until a Repair
// has gone through, each turn is one. What fails is logged with the remedy and
// tried again: without its mirror the server is as good as with it. Run does not
// bring the mirror up to date at the end; call Sync when the last report is in.
func (m *Mirror) Run(ctx context.Context, log zerolog.Logger) {
	tick := time.NewTicker(m.cfg.Every)
	defer tick.Stop()
	repaired := false
	var through rollup.Date // the last day of which it was told that it is left out
	for {
		var err error
		if repaired {
			err = m.Sync(ctx)
		} else {
			err = m.repairAndTell(ctx, log)
			repaired = err == nil
		}
		leftOut, last, leftErr := m.LeftOut()
		if leftErr == nil && last != through {
			through = last
			m.tellLeftOut(log, leftOut, last)
		}
		m.cfg.OnSync(leftOut, err)
		if err != nil && ctx.Err() == nil {
			log.Error().Err(err).Str("dir", m.dir).Str("next", remedy(err)).Msg("mirror is not up to date")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tellLeftOut tells which days have no room now.
func (m *Mirror) tellLeftOut(log zerolog.Logger, days int, through rollup.Date) {
	if days == 0 {
		log.Info().Str("dir", m.dir).Msg("mirror: all days have room")
		return
	}
	log.Warn().Str("dir", m.dir).Int("days", days).Stringer("through", through).Int64("max_bytes", m.cfg.DaysBytes).
		Msg("mirror: the oldest days are left out, and restore could not give them back; raise --mirror-max-bytes, or keep backups")
}

func (m *Mirror) repairAndTell(ctx context.Context, log zerolog.Logger) error {
	found, err := m.Repair(ctx)
	for _, w := range found.Warnings {
		log.Warn().Str("dir", m.dir).Msg("mirror: " + w)
	}
	for _, month := range found.Imported {
		log.Info().Str("dir", m.dir).Stringer("month", month).Msg("mirror: month imported")
	}
	return err
}

// remedy says what an operator can do about an error.
func remedy(err error) string {
	const itself = "; the mirror then catches up by itself"
	switch {
	case errors.Is(err, ErrAhead):
		return "start the server again: it says what to do"
	case errors.Is(err, durable.ErrReserve):
		return "free space on the volume of --snapshot-dir, or lower --min-free-bytes" + itself
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return "free space on the volume of --snapshot-dir" + itself
	case errors.Is(err, syscall.EROFS):
		return "mount the volume of --snapshot-dir writable" + itself
	case errors.Is(err, fs.ErrPermission):
		return "let the server's user write in --snapshot-dir" + itself
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, fs.ErrExist):
		return "move away what stands in the place of a file or folder of the mirror" + itself
	default:
		return "nothing, if it does not come again: it is tried at the next turn"
	}
}
