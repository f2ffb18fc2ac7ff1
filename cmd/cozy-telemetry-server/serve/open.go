package serve

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/limits"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
)

// openStore opens the file. It begins a new one only where none can have been
// lost, or where the flags say so.
func (s *server) openStore(env cli.Environment) (*store.Store, error) {
	if err := s.checkNewStart(); err != nil {
		return nil, err
	}
	opened, err := store.Open(s.cfg.dbPath, s.storeOptions(env))
	if !errors.Is(err, dberrors.ErrDamaged) {
		return opened, err
	}
	if !s.cfg.setAsideDamaged {
		return nil, fmt.Errorf("%w; --set-aside-damaged renames it and starts anew", err)
	}
	aside, asideErr := store.SetAside(s.cfg.dbPath, env.Now())
	if asideErr != nil {
		return nil, errors.Join(err, asideErr)
	}
	s.log.Error().Err(err).Str("renamed_to", aside).Msg("the damaged database file was set aside, and a new one is begun")
	if s.cfg.mirrorHolds() {
		s.log.Warn().Str("dir", s.cfg.snapshotDir).
			Msg("the mirror has data of the damaged file: to have it back, stop the server, move the new file away and run: " + s.cfg.restoreCommand())
	}
	return store.Open(s.cfg.dbPath, s.storeOptions(env))
}

// tidy removes what crashes have left beside the file: of its making, and of commands
// on it. The server can do without.
func (s *server) tidy() {
	folder, file := filepath.Split(filepath.Clean(s.cfg.dbPath))
	if err := durable.Tidy(filepath.Clean(folder), func(of string) bool { return of == file }); err != nil {
		s.log.Warn().Err(err).Msg("what a crash has left beside --db-path was not removed")
	}
}

func (s *server) storeOptions(env cli.Environment) store.Options {
	return store.Options{
		QueueBytes: s.cfg.forwardQueueBytes,
		MaxBytes:   s.cfg.dbMaxBytes,
		Bounds:     s.cfg.takes.Bounds,
		Dictionary: limits.Dictionary,
		Lasting:    limits.Lasting(),
		Known:      limits.Known(), ConfirmDays: s.cfg.confirmDays,
		Unfolded: products.Unfolded(),
		Now:      env.Now,
		OnCommit: s.onCommit,
	}
}

// checkNewStart refuses to begin with nothing beside a mirror that has data: the
// file is then missing by mistake, such as a volume that was not mounted.
func (s *server) checkNewStart() error {
	c := s.cfg
	info, err := os.Stat(c.dbPath)
	missing := errors.Is(err, fs.ErrNotExist)
	empty := err == nil && info.Mode().IsRegular() && info.Size() == 0
	switch {
	case missing && !c.init && c.mirrorHolds():
		return fmt.Errorf("%s is missing, but the mirror in %s has data; restore it with `%s`, or start anew with --init",
			c.dbPath, c.snapshotDir, c.restoreCommand())
	case empty && !c.setAsideDamaged && c.mirrorHolds():
		return fmt.Errorf("%s is empty, but the mirror in %s has data; remove the empty file, then restore it with `%s`, or start anew with --init",
			c.dbPath, c.snapshotDir, c.restoreCommand())
	case missing:
		return s.lockMirror() // now, for a start that is refused must not leave a new file
	}
	return nil
}

// mirrorHolds tells whether the mirror has data. One that can't be read has none
// that could be restored; the mirror itself reports why.
func (c Config) mirrorHolds() bool {
	if c.snapshotDir == "" {
		return false
	}
	holds, err := mirror.Holds(c.snapshotDir)
	return holds && err == nil
}

func (c Config) restoreCommand() string {
	return fmt.Sprintf("%s restore --snapshot-dir %s -o %s", cli.Name, c.snapshotDir, c.dbPath)
}
