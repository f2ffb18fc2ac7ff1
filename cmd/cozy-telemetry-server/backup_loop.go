package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// backupLayout is the name of a backup, with the time at which it was begun.
const backupLayout = "telemetry-20060102T150405Z.db"

// backupRetry is how long after a failure a backup is tried again.
const backupRetry = 10 * time.Minute

func backupName(at time.Time) string { return at.UTC().Format(backupLayout) }

// run writes a backup to --backup-dir whenever the newest one is old enough.
func (b *backups) run(ctx context.Context) {
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
func (b *backups) turn(ctx context.Context) time.Duration {
	path := filepath.Join(b.dir, backupName(b.now()))
	info, err := b.store.Backup(ctx, path)
	if ctx.Err() != nil {
		return 0
	}
	b.onBackup(err)
	if err != nil {
		b.log.Error().Err(err).Msg("a backup was not written; it will be tried again")
		return min(b.every, backupRetry)
	}
	b.log.Info().Str("path", path).Int64("bytes", info.Bytes).Str("sha256", info.SHA256).Msg("a backup was written")
	if err := b.prune(); err != nil {
		b.log.Warn().Err(err).Msg("old backups were not removed")
	}
	return b.dueIn()
}

// dueIn returns after what time the next backup is due. A backup of the future,
// which a clock has made that was ahead, puts it off by no more than usual.
func (b *backups) dueIn() time.Duration {
	newest, ok := b.newest()
	if !ok {
		return 0
	}
	return min(max(b.every-b.now().Sub(newest), 0), b.every)
}

// newest returns when the newest backup in --backup-dir was begun.
func (b *backups) newest() (at time.Time, ok bool) {
	names, _ := b.names() // a folder that can't be read has none
	if len(names) == 0 {
		return at, false
	}
	at, err := time.Parse(backupLayout, names[len(names)-1])
	return at, err == nil
}

// names returns the backups in --backup-dir, the oldest first. Other files are
// nothing to us.
func (b *backups) names() (names []string, err error) {
	if b.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(b.dir)
	for _, e := range entries {
		at, bad := time.Parse(backupLayout, e.Name())
		if bad == nil && backupName(at) == e.Name() && e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// prune removes the oldest backups above --backup-keep.
func (b *backups) prune() error {
	names, err := b.names()
	if err != nil {
		return err
	}
	for _, name := range names[:max(len(names)-b.keep, 0)] {
		if err := os.Remove(filepath.Join(b.dir, name)); err != nil {
			return err
		}
	}
	return nil
}
