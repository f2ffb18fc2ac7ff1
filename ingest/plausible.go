package ingest

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// figure tells which of a cluster's published figures a series is part of.
type figure uint8

const (
	noFigure figure = iota
	nodesFigure
	tenantsFigure
	tenantAppsFigure
	appsFigure
	figures // how many there are
)

// sums has a report's sum of each figure. A float64 can't overflow by adding
// values of at most 2^53.
type sums [figures]float64

func figureOf(metric string, s rollup.Series) figure {
	switch {
	case metric == rollup.MetricNodes:
		return nodesFigure
	case metric == rollup.MetricTenants:
		return tenantsFigure
	case metric == rollup.MetricApplications && s.Label(rollup.LabelKind) == rollup.KindTenant:
		return tenantAppsFigure
	case metric == rollup.MetricApplications:
		return appsFigure
	}
	return noFigure
}

// checkPlausible refuses what no cluster can be: one invented report would
// otherwise outweigh all real ones in the published figures.
func (l Limits) checkPlausible(s sums, samples []rollup.Sample) error {
	switch {
	case s[nodesFigure] > float64(l.Nodes):
		return refuseImplausible("more than %d nodes", l.Nodes)
	case max(s[tenantsFigure], s[tenantAppsFigure]) > float64(l.Tenants):
		return refuseImplausible("more than %d tenants", l.Tenants)
	// The sum of all kinds spares nearly every report a look at each.
	case s[appsFigure] > float64(l.Apps) && mostOfAKind(samples) > float64(l.Apps):
		return refuseImplausible("more than %d applications of a kind", l.Apps)
	}
	return nil
}

// mostOfAKind returns the largest number of applications of any one kind. Tenants
// have a limit of their own.
func mostOfAKind(samples []rollup.Sample) (most float64) {
	kinds := make(map[string]float64)
	for _, s := range samples {
		if !strings.HasPrefix(string(s.Series), rollup.MetricApplications) || s.Series.Metric() != rollup.MetricApplications {
			continue
		}
		if kind := s.Series.Label(rollup.LabelKind); kind != rollup.KindTenant {
			kinds[kind] += s.Value
			most = max(most, kinds[kind])
		}
	}
	return most
}

// refuseImplausible refuses a report for a figure that no cluster has.
func refuseImplausible(format string, limit int) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Reason: Implausible, Text: fmt.Sprintf(format, limit)}
}
