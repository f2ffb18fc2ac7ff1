package site

import (
	"context"
	"errors"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/census"
)

// aheadEvery is how often Run looks whether the census has to read anything: after the start,
// once other clusters are excluded, and when the running month is due.
const aheadEvery = 10 * time.Second

// Run has the census read before anybody asks, until ctx ends: many months of many clusters
// take a while, and nobody should wait for them.
func (s *Site) Run(ctx context.Context) {
	failing := false
	for ctx.Err() == nil {
		err := s.countAhead(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			s.cfg.Logger.Error().Err(err).Msg("what clusters are made of can't be counted, trying again")
		}
		failing = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(aheadEvery):
		}
	}
}

// countAhead has all months read.
func (s *Site) countAhead(ctx context.Context) error {
	s.mu.Lock()
	s.forgetGone()
	s.mu.Unlock()
	_, err := s.census.Adoption(ctx)
	if err == nil {
		_, err = s.census.Retention(ctx)
	}
	if errors.Is(err, census.ErrNoData) {
		return nil
	}
	return err
}
