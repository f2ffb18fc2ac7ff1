package site_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// slowCensus answers when its channel is closed.
type slowCensus chan struct{}

func (c slowCensus) Breakdown(_ context.Context, month rollup.MonthID) (*published.Breakdown, error) {
	<-c
	return &published.Breakdown{Month: month, MinShare: 5}, nil
}

func (c slowCensus) Adoption(context.Context) (*published.Adoption, error) {
	<-c
	return &published.Adoption{MinShare: 5}, nil
}

func (c slowCensus) Retention(context.Context) (*published.Retention, error) {
	<-c
	return &published.Retention{MinShare: 5}, nil
}

func (slowCensus) Forget() {}

// A page does not wait for what takes long to count: it has the other figures, says what is
// being counted, and is not kept. The next one has it.
func TestPageDoesNotWaitForTheCensus(t *testing.T) {
	census := make(slowCensus)
	w := worldOf(t, overview.Config{}, census)
	w.report("a", w.now)
	const counting = "This is just being counted."
	page := w.do(http.MethodGet, "/")
	if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), `<data value="3">3</data>`) ||
		strings.Count(page.Body.String(), counting) != 3 || page.Header().Get("Cache-Control") != "public, max-age=1" {
		t.Errorf("%d, %v: %s", page.Code, page.Header(), page.Body)
	}
	close(census)
	for _, address := range []string{"/api/breakdown?year=2026&month=4", "/api/adoption", "/api/retention"} {
		if rec := w.do(http.MethodGet, address); rec.Code != http.StatusOK {
			t.Errorf("%s: %d: %s", address, rec.Code, rec.Body)
		}
	}
	page = w.do(http.MethodGet, "/")
	if strings.Contains(page.Body.String(), counting) || page.Header().Get("Cache-Control") != "public, max-age=60" {
		t.Errorf("counted: %v: %s", page.Header(), page.Body)
	}
}
