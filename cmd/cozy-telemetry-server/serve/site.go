package serve

import (
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/site"
)

// buildSite builds what the world may look at beside the overview.
func (s *server) buildSite(cli.Environment) error {
	cfg := s.cfg
	clusters, err := census.New(s.store, census.Config{Now: s.now, MinShare: cfg.minShare, ConfirmDays: cfg.confirmDays, Replicas: cfg.replicas})
	if err != nil {
		return err
	}
	s.site, err = site.New(s.overview, clusters, site.Config{
		Now: s.now, Logger: s.log, Products: cfg.products.Names(), EmbedOrigins: cfg.embedOrigins,
		ConfirmDays: cfg.confirmDays, MinShare: cfg.minShare, Replicas: cfg.replicas,
		LastReport: s.store.LastReport,
	})
	return err
}
