package backup

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// layout is the name of a backup, with the time at which it was begun.
const layout = "telemetry-20060102T150405Z.db"

// retryTime is how long after a failure a backup is tried again.
const retryTime = 10 * time.Minute

func nameOf(at time.Time) string { return at.UTC().Format(layout) }

// Run writes a backup to Dir, which there must be, whenever the newest one is old
// enough. It returns when ctx is done.
func (b *Backups) Run(ctx context.Context) {
	wait := b.dueIn()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		wait = b.turn(ctx)
	}
}

// turn writes a backup, and returns after what time the next one is due.
func (b *Backups) turn(ctx context.Context) time.Duration {
	path := filepath.Join(b.cfg.Dir, nameOf(b.cfg.Now()))
	info, err := b.store.Backup(ctx, path)
	if ctx.Err() != nil {
		return 0
	}
	b.cfg.OnBackup(err)
	if err != nil {
		b.cfg.Log.Error().Err(err).Msg("a backup was not written; it will be tried again")
		return min(b.cfg.Every, retryTime)
	}
	b.cfg.Log.Info().Str("path", path).Int64("bytes", info.Bytes).Str("sha256", info.SHA256).Msg("a backup was written")
	if err := b.prune(); err != nil {
		b.cfg.Log.Warn().Err(err).Msg("old backups were not removed")
	}
	return b.dueIn()
}

// dueIn returns after what time the next backup is due. A backup of the future,
// which a clock has made that was ahead, puts it off by no more than usual.
func (b *Backups) dueIn() time.Duration {
	newest, ok := b.Newest()
	if !ok {
		return 0
	}
	return min(max(b.cfg.Every-b.cfg.Now().Sub(newest), 0), b.cfg.Every)
}

// Newest returns when the newest backup in Dir was begun.
func (b *Backups) Newest() (at time.Time, ok bool) {
	names, _ := b.names() // a folder that can't be read has none
	if len(names) == 0 {
		return at, false
	}
	at, err := time.Parse(layout, names[len(names)-1])
	return at, err == nil
}

// names returns the backups in Dir, the oldest first. Other files are
// nothing to us.
func (b *Backups) names() (names []string, err error) {
	if b.cfg.Dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(b.cfg.Dir)
	for _, e := range entries {
		at, bad := time.Parse(layout, e.Name())
		if bad == nil && nameOf(at) == e.Name() && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// prune removes the oldest backups above Keep.
func (b *Backups) prune() error {
	names, err := b.names()
	if err != nil {
		return err
	}
	for _, name := range names[:max(len(names)-b.cfg.Keep, 0)] {
		if err := os.Remove(filepath.Join(b.cfg.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}
