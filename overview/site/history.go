package site

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// countHistory counts the history. The month of the question is as the overview of this very
// publication has it: reports may have come in between. Where it has none, the history says
// what is known of the others, if anything can be told.
func (p *Publication) countHistory(ctx context.Context) (*History, error) {
	a, _ := p.Overview(ctx)
	if p.Product != rollup.Cozystack {
		return p.countProductHistory(ctx, a)
	}
	h, settled, err := p.site.overview.History(ctx, p.From, p.Month, p.Publish)
	if err != nil {
		return nil, p.ofHistory(err)
	}
	if last := &h.Months[len(h.Months)-1]; a != nil {
		*last = overview.HistoryRow(p.Month, a.Overview.Periods.Month, last.DaysWithData)
		h.GeneratedAt = max(h.GeneratedAt, a.Overview.GeneratedAt)
	}
	return &History{Cozystack: h, Settled: settled}, nil
}

// ofHistory tells a client which months have no data.
func (p *Publication) ofHistory(err error) error {
	if !errors.Is(err, overview.ErrNoData) {
		return err
	}
	return &overview.BadQuestion{Status: http.StatusNotFound, Text: fmt.Sprintf("no telemetry data from %s to %s", p.From, p.Month)}
}

func (p *Publication) countProductHistory(ctx context.Context, a *overview.Answer) (*History, error) {
	h, settled, err := p.site.overview.ProductHistory(ctx, p.Product, p.From, p.Month)
	if err != nil {
		return nil, p.ofHistory(err)
	}
	if last := &h.Months[len(h.Months)-1]; a != nil && last.DaysWithData != nil {
		*last = overview.ProductHistoryRow(p.Month, a.Product.Periods.Month, *last.DaysWithData)
		h.GeneratedAt = max(h.GeneratedAt, a.Product.GeneratedAt)
	}
	return &History{Product: h, Settled: settled}, nil
}
