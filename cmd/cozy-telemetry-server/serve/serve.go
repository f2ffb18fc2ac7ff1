package serve

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/anomalies"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backfill"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backup"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/exclude"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/forget"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/heap"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/keys"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/lobby"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/operator"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/overview/site"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// heapFloor is how far the heap grows before any of it is collected: several times what a
// server of 1000 clusters keeps, and less than one of 100 000 does.
const heapFloor = 24 << 20

// server is the wired program.
type server struct {
	cfg     Config
	log     zerolog.Logger
	now     func() time.Time
	metrics *metrics

	store        *store.Store
	mirror       *mirror.Mirror // nil without --snapshot-dir
	unlockMirror func()         // nil while it is not locked
	apps         *appsource.Source
	overview     *overview.Overview
	site         *site.Site
	documents    *site.Documents
	ingest       *ingest.Handler            // of Cozystack, and what the others share
	handlers     map[string]*ingest.Handler // of the products that are on
	routes       map[string]route           // of reports, by path
	keys         *keys.Keys
	backfill     *backfill.Loop
	excluder     *exclude.Excluder
	forget       *forget.Loop
	retention    *retention
	backups      *backup.Backups
	anomalies    *anomalies.Watch
	tally        *anomalies.Tally
	lobby        *lobby.Lobby  // of the public listener
	guard        private.Guard // of the private one
	refusals     refusals

	// What the operator's page shows beside the metrics.
	operator   *operator.Renderer
	pulses     operator.Pulses
	warnings   *operator.Warnings
	bytesFirst int64 // of the file, at the start
}

// Run runs the server until ctx ends. It returns an error if it could not
// start, or a listener broke.
func Run(ctx context.Context, cfg Config, env cli.Environment) error {
	defer heap.Hold(heapFloor)()
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
	token, err := private.ReadToken(cfg.adminTokenFile) // before a file is made
	if err != nil {
		return nil, err
	}
	warnings := operator.NewWarnings(env.Now)
	s := &server{
		cfg: cfg, log: log.Hook(warnings), now: env.Now, warnings: warnings, metrics: newMetrics(env.Now, cfg.products), tally: anomalies.NewTally(env.Now()),
		lobby: cfg.connections.lobby(), guard: private.Guard{Hosts: cfg.adminHosts, Token: token},
	}
	if s.store, err = s.openStore(env); err == nil {
		s.tidy()
		err = s.build(env)
	}
	if err != nil {
		return nil, errors.Join(err, s.letGo())
	}
	s.retention = &retention{
		store: s.store, now: env.Now, log: s.log, removed: s.metrics.onRemoved,
		days: cfg.rollupRetention, months: cfg.monthRetention, sessions: cfg.kubeatlasRetention, settle: s.overview.Settle,
	}
	s.anomalies = anomalies.NewWatch(s.store, s.tally, anomalies.Config{Now: env.Now, Log: s.log, OnLook: s.metrics.onLook})
	s.bytesFirst, _ = s.store.SizeBytes() // 0: not known
	s.metrics.observeStore(s.store, cfg.dbMaxBytes)
	s.metrics.observeVolumes(cfg.minFreeBytes, cfg.folders())
	return s, nil
}

// folders are those that the server writes in, by what is there.
func (c Config) folders() map[string]string {
	folders := map[string]string{"database": filepath.Dir(c.dbPath), "mirror": c.snapshotDir, "backups": c.backupDir}
	maps.DeleteFunc(folders, func(_, folder string) bool { return folder == "" })
	return folders
}

// build builds the parts upon the open file, each upon those before it.
func (s *server) build(env cli.Environment) error {
	for _, part := range []func(cli.Environment) error{
		s.buildIdentity, s.buildMirror, s.buildOverview, s.buildSite, s.buildDocuments, s.buildBackups, s.buildIngest, s.buildProducts, s.buildOperator,
	} {
		if err := part(env); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) buildMirror(env cli.Environment) error {
	if s.cfg.snapshotDir == "" {
		return nil
	}
	if err := s.lockMirror(); err != nil {
		return err
	}
	s.mirror = mirror.New(s.cfg.snapshotDir, s.store, mirror.Config{
		Every: s.cfg.mirrorEvery, DaysBytes: cli.OrNever(s.cfg.mirrorMaxBytes), MinFree: s.cfg.minFreeBytes, OnSync: s.onMirrorSync,
	})
	return s.settleMirror(env.Now())
}

func (s *server) buildOverview(env cli.Environment) (err error) {
	cfg := s.cfg
	s.apps = appsource.New(appsource.Config{URL: cfg.appsURL, Now: env.Now, Store: s.store})
	if err := s.apps.Load(); err != nil {
		s.log.Warn().Err(err).Msg("the stored list of applications can't be used; the built-in one serves until GitHub answers")
	}
	s.overview, err = overview.New(mirroredStore{s.store, s.mirror, s.log}, s.apps, overview.Config{
		Now:         env.Now,
		Logger:      s.log,
		VMSelectURL: cfg.vmselectURL,
		QueryBudget: cfg.queryTimeout,
		Aggregate:   cfg.aggregate,
		Publish:     cfg.publish,
		ConfirmDays: cfg.confirmDays,
		FinalGrace:  cli.OrNever(cfg.finalGrace),
		CurrentTTL:  cli.OrNever(cfg.currentTTL),
		Replicas:    cfg.replicas,
		Products:    cfg.products.On(),
		Off:         cfg.products.Off(),
		MinShare:    cfg.minShare,
		OnAnswer:    s.metrics.onAnswer,
		OnAsk:       s.onAsk,

		OldestQueued: s.oldestQueued,
	})
	s.excluder = &exclude.Excluder{Store: s.store, Overview: s.overview, Now: env.Now, Mirror: s.mirrorMonths}
	return err
}

func (s *server) buildBackups(env cli.Environment) (err error) {
	cfg := s.cfg
	s.backups, err = backup.New(s.store, backup.Config{
		Spool: cmp.Or(cfg.backupDir, filepath.Dir(cfg.dbPath)),
		Dir:   cfg.backupDir, Every: cfg.backupEvery, Keep: cfg.backupKeep, MinFree: cfg.minFreeBytes,
		Now: env.Now, Log: s.log, OnBackup: s.onBackup,
	})
	if err != nil {
		return err
	}
	if newest, ok := s.backups.Newest(); ok {
		s.metrics.lastBackup.Store(newest.UnixMilli())
	}
	return nil
}

// buildIngest builds the two ways by which anything comes in.
func (s *server) buildIngest(env cli.Environment) error {
	cfg := s.cfg
	rules, err := ingest.NewRules(cfg.takes.Limits)
	if err != nil {
		return err
	}
	s.forget = forget.NewLoop(forget.Config{Store: s.store, Mirror: s.mirror, Overview: s.overview, Log: s.log})
	s.backfill = backfill.NewLoop(backfill.Filler{
		URL: cfg.vmselectURL, Rules: rules, Store: s.store, Overview: s.overview, Now: env.Now,
	}, s.log)
	var lines func([]byte, rollup.Report) []byte
	if cfg.forwardURL != "" {
		lines = forward.AppendLines
	}
	senders := cfg.senderLimits()
	if senders != nil {
		senders.OnUnnamedProxy = s.onUnnamedProxy
	}
	s.ingest, err = ingest.NewHandler(s.store, ingest.Config{
		Now:      env.Now,
		Lines:    lines,
		Senders:  senders,
		Parses:   cfg.maxParses,
		OnResult: s.onReport,
		Limits:   cfg.takes.Limits,
		Bounds:   cfg.takes.Bounds,
	})
	return err
}

// oldestQueued returns when the oldest report of a cluster came that will still be
// forwarded.
func (s *server) oldestQueued() time.Time {
	if s.cfg.forwardURL == "" {
		return time.Time{}
	}
	return s.store.QueueOf(rollup.Cozystack).Oldest()
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
