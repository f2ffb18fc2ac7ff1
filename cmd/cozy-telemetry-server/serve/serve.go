package serve

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backup"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/lobby"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/takeover"
	"github.com/cozystack/cozystack-telemetry-server/forward"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The shares of the 10 seconds within which a stopped server is gone.
const (
	drainTime  = 4 * time.Second // requests in flight get their answers
	mirrorTime = 2 * time.Second // what changed last is mirrored
)

// server is the wired program.
type server struct {
	cfg     Config
	log     zerolog.Logger
	metrics *metrics

	store        *store.Store
	mirror       *mirror.Mirror // nil without --snapshot-dir
	unlockMirror func()         // nil while it is not locked
	apps         *appsource.Source
	overview     *overview.Overview
	ingest       *ingest.Handler
	backfill     *takeover.Loop
	retention    *retention
	backups      *backup.Backups
	lobby        *lobby.Lobby // of the public listener
	refusals     refusals
}

// Run runs the server until ctx ends. It returns an error if it could not
// start, or a listener broke.
func Run(ctx context.Context, cfg Config, env cli.Environment) error {
	log := newLogger(cfg, env)
	s, err := newServer(cfg, env, log)
	if err != nil {
		return err
	}
	s.importMonths(ctx)
	listeners, err := s.listen()
	if err != nil {
		return errors.Join(err, s.close())
	}
	log.Info().Str("version", cli.Version()).Str("public", listeners.publicURL()).Str("admin", listeners.adminURL()).Msg("serving")
	s.banner(env, listeners)
	err = s.run(ctx, listeners)
	return errors.Join(err, s.close())
}

// newServer opens the file and builds everything upon it. Nothing runs yet.
func newServer(cfg Config, env cli.Environment, log zerolog.Logger) (*server, error) {
	s := &server{cfg: cfg, log: log, metrics: newMetrics(env.Now), lobby: cfg.connections.lobby()}
	var err error
	if s.store, err = s.openStore(env); err == nil {
		s.tidy()
		err = s.build(env)
	}
	if err != nil {
		return nil, errors.Join(err, s.letGo())
	}
	s.retention = &retention{
		store: s.store, now: env.Now, log: log, removed: s.metrics.onRemoved,
		days: time.Duration(cfg.rollupRetention), months: time.Duration(cfg.monthRetention),
	}
	s.metrics.observeStore(s.store, cfg.dbMaxBytes)
	return s, nil
}

func (s *server) build(env cli.Environment) (err error) {
	cfg := s.cfg
	s.apps = appsource.New(appsource.Config{URL: cfg.appsURL, Now: env.Now, Store: s.store})
	if err := s.apps.Load(); err != nil {
		s.log.Warn().Err(err).Msg("the stored list of applications can't be used; the built-in one serves until GitHub answers")
	}
	if cfg.snapshotDir != "" {
		if err := s.lockMirror(); err != nil {
			return err
		}
		s.mirror = mirror.New(cfg.snapshotDir, s.store, mirror.Config{Every: cfg.mirrorEvery, OnSync: s.metrics.onMirrorSync})
		if err := s.settleMirror(env.Now()); err != nil {
			return err
		}
	}
	s.overview, err = overview.New(mirroredStore{s.store, s.mirror, s.log}, s.apps, overview.Config{
		Now:         env.Now,
		Logger:      s.log,
		VMSelectURL: cfg.vmselectURL,
		QueryBudget: cfg.queryTimeout,
		Aggregate:   cfg.aggregate,
		ConfirmDays: cfg.confirmDays,
		FinalGrace:  cli.OrNever(cfg.finalGrace),
		CurrentTTL:  cli.OrNever(cfg.currentTTL),
		Replicas:    cfg.replicas,
		OnAnswer:    s.metrics.onAnswer,
		OnAsk:       s.metrics.onAsk,

		OldestQueued: s.oldestQueued,
	})
	if err != nil {
		return err
	}
	rules, err := ingest.NewRules(cfg.takes.Limits)
	if err != nil {
		return err
	}
	s.backfill = takeover.NewLoop(takeover.Filler{
		URL: cfg.vmselectURL, Rules: rules, Store: s.store, Overview: s.overview, Now: env.Now,
	}, s.log)
	s.backups, err = backup.New(s.store, backup.Config{
		Spool: cmp.Or(cfg.backupDir, filepath.Dir(cfg.dbPath)),
		Dir:   cfg.backupDir, Every: cfg.backupEvery, Keep: cfg.backupKeep,
		Now: env.Now, Log: s.log, OnBackup: s.metrics.onBackup,
	})
	if err != nil {
		return err
	}
	if newest, ok := s.backups.Newest(); ok {
		s.metrics.lastBackup.Store(newest.UnixMilli())
	}
	var lines func([]byte, rollup.Report) []byte
	if cfg.forwardURL != "" {
		lines = forward.AppendLines
	}
	s.ingest, err = ingest.NewHandler(s.store, ingest.Config{
		Now:      env.Now,
		Lines:    lines,
		Senders:  cfg.senderLimits(),
		Parses:   cfg.maxParses,
		OnResult: s.onReport,
		Limits:   cfg.takes.Limits,
	})
	return err
}

// oldestQueued returns when the oldest report came that will still be forwarded.
func (s *server) oldestQueued() time.Time {
	if s.cfg.forwardURL == "" {
		return time.Time{}
	}
	return s.store.Queue().Oldest
}

// importMonths takes over the months that another server has left. What fails is
// tried again by the mirror's loop.
func (s *server) importMonths(ctx context.Context) {
	if s.mirror == nil {
		return
	}
	months, err := s.mirror.Import(ctx)
	if err != nil {
		s.log.Warn().Err(err).Msg("months of the mirror were not imported yet")
	}
	for _, month := range months {
		s.log.Info().Str("dir", s.cfg.snapshotDir).Stringer("month", month).Msg("mirror: month imported")
	}
}

// run serves until ctx ends or a listener breaks: first the listeners stop, then
// what works in the background. Every answer of a stopped listener was given
// while the store took commits.
func (s *server) run(ctx context.Context, listeners *listeners) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var loops errgroup.Group
	s.start(background, &loops)
	err := listeners.serve(ctx)
	s.log.Info().Msg("stopping")
	stop()
	return errors.Join(err, loops.Wait())
}

// start starts the long-running loops. They end with ctx.
func (s *server) start(ctx context.Context, loops *errgroup.Group) {
	loop := func(run func()) {
		loops.Go(func() error {
			run()
			return nil
		})
	}
	loop(func() { s.overview.Run(ctx) })
	loop(func() { s.backfill.Run(ctx) })
	loop(func() { s.retention.run(ctx) })
	loop(func() { s.refusals.run(ctx, s.log) })
	loop(func() {
		s.apps.Run(ctx, func(err error) { s.log.Warn().Err(err).Msg("the list of applications was not refreshed") })
	})
	if s.mirror != nil {
		loop(func() { s.mirror.Run(ctx, s.log) })
	}
	if s.cfg.backupDir != "" {
		loop(func() { s.backups.Run(ctx) })
	}
	if s.cfg.forwardURL != "" {
		forwarder := forward.New(s.store, s.cfg.forwardURL, forward.Config{OnForward: s.metrics.onForward})
		loop(func() { forwarder.Run(ctx, s.log) })
	}
}

// close mirrors what changed last and closes the file.
func (s *server) close() error {
	s.overview.Close()
	if s.mirror != nil {
		ctx, cancel := context.WithTimeout(context.Background(), mirrorTime)
		defer cancel()
		if err := s.mirror.Sync(ctx); err != nil {
			s.log.Warn().Err(err).Msg("the mirror is behind; it is repaired at the next start")
		}
	}
	return s.letGo()
}

// letGo lets others have the mirror, and then the file: who waits for the file finds
// both.
func (s *server) letGo() error {
	if s.unlockMirror != nil {
		s.unlockMirror()
	}
	if s.store == nil {
		return nil
	}
	return s.store.Close()
}

// onReport counts a report, and logs why one could not be stored.
func (s *server) onReport(r ingest.Result) {
	s.metrics.onReport(r)
	if r.Err != nil {
		s.refusals.add(r.Reason)
	}
	switch {
	case errors.Is(r.Err, context.Canceled):
		s.log.Debug().Msg("a sender went away before its answer")
	case errors.Is(r.Err, ingest.ErrBusy): // counted; a flood must not flood the log
		s.log.Debug().Err(r.Err).Msg("a report was put off")
	case r.Status >= 500:
		s.log.Error().Err(r.Err).Msg("a report was not stored; its sender was told to try again")
	case r.Err != nil:
		s.log.Debug().Int("status", r.Status).Err(r.Err).Msg("a report was refused")
	}
}

func (s *server) onCommit(c store.Commit) {
	s.metrics.onCommit(c)
	if c.Unreadable > 0 {
		s.log.Error().Int("blocks", c.Unreadable).Msg("blocks of the queue could not be read and were removed; what they held is not forwarded, the rollups have it")
	}
	switch {
	case errors.Is(c.Err, store.ErrFull):
		s.log.Error().Err(c.Err).Msg("a commit failed; raise --db-max-bytes and restart, or wait until forwarding or retention makes room: the server goes on by itself")
	case c.Err != nil:
		s.log.Error().Err(c.Err).Msg("a commit failed; if the disk is full, free space: the server goes on by itself")
	}
}
