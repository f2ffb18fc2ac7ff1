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

// timeOf is the inverse of nameOf; ok is false for any other name.
func timeOf(name string) (at time.Time, ok bool) {
	at, err := time.Parse(layout, name)
	return at, err == nil && nameOf(at) == name
}

func isName(name string) bool {
	_, ok := timeOf(name)
	return ok
}

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
	begun := b.cfg.Now()
	path := filepath.Join(b.cfg.Dir, nameOf(begun))
	info, err := b.write(ctx, path)
	if ctx.Err() != nil {
		return 0
	}
	b.cfg.OnBackup(err)
	if err != nil {
		b.cfg.Log.Error().Err(err).Msg("a backup was not written; it will be tried again")
		return min(b.cfg.Every, retryTime)
	}
	b.cfg.Log.Info().Str("path", path).Int64("bytes", info.Bytes).Str("sha256", info.SHA256).Msg("a backup was written")
	if err := b.prune(begun); err != nil {
		b.cfg.Log.Warn().Err(err).Msg("old backups were not removed")
	}
	return b.dueAfter(begun)
}

// dueIn returns after what time the next backup is due.
func (b *Backups) dueIn() time.Duration {
	newest, ok := b.Newest()
	if !ok {
		return 0
	}
	return b.dueAfter(newest)
}

// dueAfter returns after what time the backup is due that follows one. A clock that
// is set back puts it off by no more than usual.
func (b *Backups) dueAfter(begun time.Time) time.Duration {
	return min(max(b.cfg.Every-b.cfg.Now().Sub(begun), 0), b.cfg.Every)
}

// Newest returns when the newest backup in Dir was begun. One of the future, which a
// clock has made that was ahead, does not tell, and does not count.
func (b *Backups) Newest() (at time.Time, ok bool) {
	now := b.cfg.Now()
	dated, _ := b.dated(now) // a folder that can't be read has none
	if len(dated) == 0 || dated[len(dated)-1].After(now) {
		return at, false
	}
	return dated[len(dated)-1], true
}

// dated returns when the backups in Dir were begun, by their names and in the order
// in which they were written, as far as can be told at a time. Other files are
// nothing to us.
//
// What is dated behind that time was written before the clock was set back, so it
// comes before all that is dated by the clock of today.
func (b *Backups) dated(now time.Time) (dated []time.Time, err error) {
	if b.cfg.Dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(b.cfg.Dir)
	for _, e := range entries {
		if at, ok := timeOf(e.Name()); ok && e.Type().IsRegular() {
			dated = append(dated, at)
		}
	}
	slices.SortFunc(dated, time.Time.Compare)
	ahead := len(dated)
	for ahead > 0 && dated[ahead-1].After(now) {
		ahead--
	}
	return slices.Concat(dated[ahead:], dated[:ahead]), err
}

// prune removes the oldest backups above Keep, after one that was begun at a time
// has been written: that one is the newest, whatever the others' names say.
func (b *Backups) prune(begun time.Time) error {
	dated, err := b.dated(begun)
	if err != nil {
		return err
	}
	for _, at := range dated[:max(len(dated)-b.cfg.Keep, 0)] {
		if err := os.Remove(filepath.Join(b.cfg.Dir, nameOf(at))); err != nil {
			return err
		}
	}
	return nil
}
