package serve

import (
	"context"
	"sync"
	"time"
)

// The shares of the 10 seconds within which a stopped server is gone.
const (
	drainTime  = 4 * time.Second // requests in flight get their answers
	mirrorTime = 4 * time.Second // what changed last is mirrored, the newest days first
)

// run serves until ctx ends or a listener breaks: first the listeners stop, then
// what works in the background. Every answer of a stopped listener was given
// while the store took commits.
func (s *server) run(ctx context.Context, listeners *listeners) error {
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var loops sync.WaitGroup
	s.start(background, &loops)
	err := listeners.serve(ctx)
	s.log.Info().Msg("stopping")
	stop()
	loops.Wait()
	return err
}

// headStart is how long those who ask have the machine for themselves after a start. Then
// begins what is counted ahead of them.
const headStart = time.Second

// start starts the long-running loops. They end with ctx.
func (s *server) start(ctx context.Context, loops *sync.WaitGroup) {
	loop := loops.Go
	unhurried := func(run func()) {
		loop(func() {
			select {
			case <-time.After(headStart):
			case <-ctx.Done():
			}
			run() // after the end too: what was asked for meanwhile ends with it
		})
	}
	unhurried(func() { s.overview.Run(ctx) })
	unhurried(func() { s.site.Run(ctx) })
	loop(func() { s.backfill.Run(ctx) })
	loop(func() { s.forget.Run(ctx) })
	loop(func() { s.retention.run(ctx) })
	loop(func() { s.refusals.run(ctx, s.log) })
	unhurried(func() { s.anomalies.Run(ctx) })
	loop(func() {
		s.apps.Run(ctx, func(err error) { s.log.Warn().Err(err).Msg("the list of applications was not refreshed") })
	})
	if s.mirror != nil {
		loop(func() { s.mirror.Run(ctx, s.log) })
	}
	if s.cfg.backupDir != "" {
		loop(func() { s.backups.Run(ctx) })
	}
	for product, forwarder := range s.forwarders() {
		loop(func() { forwarder.Run(ctx, s.logOf(product)) })
	}
	loop(func() { s.keys.Run(ctx, s.log) })
	for _, product := range s.cfg.products.On() {
		if product.Sessions && s.cfg.forwardURLOf(product.Name) != "" {
			days := &totals{store: s.store, product: product.Name, now: s.now, log: s.log}
			loop(func() { days.run(ctx) })
		}
	}
}

// close mirrors what changed last and closes the file.
func (s *server) close() error {
	s.site.Close()
	s.overview.Close()
	if s.mirror != nil {
		s.syncLast()
	}
	return s.letGo()
}

// syncLast does a last turn of the mirror, as far as it comes: the newest days first. What
// it has written is whole.
func (s *server) syncLast() {
	ctx, cancel := context.WithTimeout(context.Background(), mirrorTime)
	defer cancel()
	err := s.mirror.Sync(ctx)
	if err == nil {
		return
	}
	behind, _ := s.mirror.Behind() // of a file that can't be read the cause is told
	s.log.Warn().Err(err).Int("days", behind).Msg("the mirror is behind: it lacks days, or has older ones; it is repaired at the next start")
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
