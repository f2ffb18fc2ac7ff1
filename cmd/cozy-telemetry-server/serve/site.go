package serve

import (
	"context"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/site"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// buildSite builds what the world may look at beside the overview.
func (s *server) buildSite(cli.Environment) (err error) {
	s.site, err = site.New(s.overview, uncounted{}, site.Config{Now: s.now, Logger: s.log})
	return err
}

// uncounted is a census that nobody takes.
type uncounted struct{}

func (uncounted) Breakdown(context.Context, rollup.MonthID) (*published.Breakdown, error) {
	return nil, overview.ErrUnavailable
}
func (uncounted) Adoption(context.Context) (*published.Adoption, error) {
	return nil, overview.ErrUnavailable
}
func (uncounted) Retention(context.Context) (*published.Retention, error) {
	return nil, overview.ErrUnavailable
}
func (uncounted) Forget() {}
