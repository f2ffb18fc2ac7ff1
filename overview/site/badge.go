package site

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/chart"
	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// badge is what shields.io draws: https://shields.io/badges/endpoint-badge.
type badge struct {
	SchemaVersion int    `json:"schemaVersion"`
	Label         string `json:"label"`
	Message       string `json:"message"`
	Color         string `json:"color"`
	IsError       bool   `json:"isError,omitempty"`
	// CacheSeconds is how long shields.io may show it.
	CacheSeconds int `json:"cacheSeconds"`
}

const (
	badgePrefix = "/api/badge/"
	badgeSuffix = ".json"
	badgeOfApp  = "app/"
)

// badgeSeconds is an hour: a badge shows a month that has ended.
const badgeSeconds = 3600

// badge answers with a badge of the last month that has ended or, if there is none yet, of
// the running one: the figures of a month that has just begun say little.
func (s *Site) badge(w http.ResponseWriter, r *http.Request) {
	a, err := s.badgeOf(r)
	if err != nil {
		httpanswer.Refuse(w, overview.StatusOf(err), overview.TextOf(err, s.now().String()))
		return
	}
	a.Write(w, r)
}

func (s *Site) badgeOf(r *http.Request) (*httpanswer.Answer, error) {
	name, isBadge := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, badgePrefix), badgeSuffix)
	if !isBadge {
		return nil, &overview.BadQuestion{Status: http.StatusNotFound, Text: "the name of a badge ends in .json"}
	}
	period, settled, err := s.shown(r)
	if err != nil {
		return nil, err
	}
	app, isApp := strings.CutPrefix(name, badgeOfApp)
	label, number, known := name, figureOf(period.Counts, name), true
	if isApp {
		label = app
		number, known = period.Apps[app]
	}
	if !known {
		return nil, &overview.BadQuestion{Status: http.StatusNotFound, Text: "no application of this name; /api/overview names them"}
	}
	return toJSON(badge{SchemaVersion: 1, Label: label, Message: chart.Grouped(number), Color: "blue", CacheSeconds: badgeSeconds}, settled)()
}

// shown is the period that badges show.
func (s *Site) shown(r *http.Request) (p published.Period, settled bool, err error) {
	for _, month := range []rollup.MonthID{s.now() - 1, s.now()} {
		q, err := s.choices(r.URL.Query(), month, "product", "publish")
		if err == nil && q.Product != rollup.Cozystack {
			err = errNotCozystack
		}
		if err != nil {
			return p, false, err
		}
		a, err := s.Publication(keyOf(q)).Overview(r.Context())
		if err == nil {
			return a.Overview.Periods.Month, a.Settled, nil
		}
		if !errors.Is(err, overview.ErrNoData) || month == s.now() {
			return p, false, err
		}
	}
	return p, false, overview.ErrNoData
}

// figureOf returns the figure that a badge of a name shows.
func figureOf(c published.Counts, name string) int64 {
	switch name {
	case "clusters":
		return c.Clusters
	case "nodes":
		return c.TotalNodes
	}
	return c.TotalTenants
}
