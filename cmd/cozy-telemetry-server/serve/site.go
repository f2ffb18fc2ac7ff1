package serve

import (
	"context"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/site"
)

// buildSite builds what the world may look at beside the overview.
func (s *server) buildSite(cli.Environment) error {
	cfg := s.cfg
	clusters, err := census.New(s.store, census.Config{Now: s.now, MinShare: cfg.minShare, ConfirmDays: cfg.confirmDays, Replicas: cfg.replicas})
	if err != nil {
		return err
	}
	s.site, err = site.New(s.overview, counted{clusters}, site.Config{
		Now: s.now, Logger: s.log, Products: cfg.products.Names(), ConfirmDays: cfg.confirmDays, EmbedOrigins: cfg.embedOrigins,
		LastReport: s.store.LastReport,
	})
	return err
}

// counted is a census of which parts are not counted yet.
type counted struct{ *census.Census }

func (counted) Adoption(context.Context) (*published.Adoption, error) {
	return nil, overview.ErrUnavailable
}

func (counted) Retention(context.Context) (*published.Retention, error) {
	return nil, overview.ErrUnavailable
}
