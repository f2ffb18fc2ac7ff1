// Package backup makes copies of the file of a running server: for clients that ask
// for one (handler.go), and by itself into a folder (loop.go). Such a client is in
// fetch.go, and [Command] is what a user calls it by (command.go). A copy is made
// by the store, which checks it before anybody gets it.
package backup

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

// Path is where the private listener serves backups.
const Path = "/backup"

// Config says where copies go. All but Dir, Every and Keep are required.
type Config struct {
	// Spool is the folder in which copies for clients lie while they are sent.
	Spool string
	// Dir is where backups are written by themselves, empty for nowhere: one Every
	// so often, of which the newest Keep stay.
	Dir   string
	Every time.Duration
	Keep  int
	// MinFree is how many bytes a copy leaves free on its volume; with less room none is
	// made. 0 means none.
	MinFree int64
	Now     func() time.Time
	Log     zerolog.Logger
	// OnBackup is told how each backup ended, by several goroutines at once.
	OnBackup func(error)
}

// Backups serves copies of a file, and writes them. Its methods may be called by
// several goroutines, Run by one.
type Backups struct {
	cfg       Config
	store     *store.Store
	downloads chan struct{} // a token for each copy on the disk
}

// write writes a copy, if its volume has room for it.
func (b *Backups) write(ctx context.Context, path string) (info store.BackupInfo, err error) {
	need, err := b.store.SizeBytes()
	if err != nil {
		return info, err
	}
	if err := durable.CheckFree(filepath.Dir(path), b.cfg.MinFree, need); err != nil {
		return info, fmt.Errorf("%w by --min-free-bytes: free space, or lower --backup-keep", err)
	}
	return b.store.Backup(ctx, path)
}

// New makes Dir if it is missing, and removes what a crash has left of copies, there
// and in Spool. What can't be removed is told, for backups are made all the same.
func New(s *store.Store, cfg Config) (*Backups, error) {
	b := &Backups{cfg: cfg, store: s, downloads: make(chan struct{}, maxDownloads)}
	if b.cfg.Dir != "" {
		if err := durable.MakeFolder(b.cfg.Dir); err != nil {
			return nil, fmt.Errorf("--backup-dir: %w", err)
		}
	}
	for _, folder := range []string{b.cfg.Spool, b.cfg.Dir} {
		if folder == "" {
			continue
		}
		if err := durable.Tidy(folder, isName); err != nil {
			b.cfg.Log.Warn().Err(err).Msg("what a crash has left of a backup was not removed")
		}
	}
	return b, nil
}
