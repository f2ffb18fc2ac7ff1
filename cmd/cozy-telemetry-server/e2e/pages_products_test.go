package e2e

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// productSpans are the periods of another product's page.
var productSpans = map[string]func(published.Periods[published.ProductPeriod]) published.ProductPeriod{
	"month":   func(p published.Periods[published.ProductPeriod]) published.ProductPeriod { return p.Month },
	"quarter": func(p published.Periods[published.ProductPeriod]) published.ProductPeriod { return p.Quarter },
	"year":    func(p published.Periods[published.ProductPeriod]) published.ProductPeriod { return p.Year },
}

// What is shown of each other product is what its answers say.
func testFiguresOfProducts(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	for _, product := range []string{others.Synapse, others.Coroot, others.KubeAtlas} {
		month := thisMonth() - 1
		var overview published.ProductOverview
		var history published.ProductHistory
		getJSON(t, server.at("/api/overview", "year", month.Start().Format("2006"), "month", month.Start().Format("1"), "product", product), &overview)
		getJSON(t, server.at("/api/history", "from", (month-23).String(), "to", month.String(), "product", product), &history)
		for span, of := range productSpans {
			what := product + ", " + span
			s := page.read(server.at("/", "month", month.String(), "period", span, "product", product))
			checkProduct(t, what, s, of(overview.Periods))
			checkProductHistory(t, what, s, history)
			checkDrawings(t, what, s)
		}
	}
}

func checkProduct(t *testing.T, what string, s sight, want published.ProductPeriod) {
	t.Helper()
	for tile, n := range map[string]int64{"instances": want.Instances, "reports": want.Reports} {
		if got := s.Tiles[tile].Figure; got == nil || *got != n || want.Instances == 0 {
			t.Errorf("%s: %s are %s, want %d", what, tile, number(got), n)
		}
	}
	metrics := make(map[string]string)
	for _, row := range s.Figures["metrics-figure"].Rows {
		metrics[*row[0]] = *row[1]
	}
	for name, v := range want.Metrics {
		if text := strconv.FormatFloat(v, 'f', -1, 64); metrics[name] != text {
			t.Errorf("%s: %s is %s, want %s", what, name, metrics[name], text)
		}
	}
	shares := 0
	for i, name := range slices.Sorted(maps.Keys(want.Shares)) {
		if len(want.Shares[name]) == 0 {
			continue
		}
		values := make(map[string]*int64)
		for value, n := range want.Shares[name] {
			values[value] = &n
		}
		equal(t, what+": "+name, s.Figures[fmt.Sprintf("share-%d", i)].column(t, "Instances"), values)
		shares++
	}
	if len(metrics) != len(want.Metrics) || len(want.Metrics)+shares == 0 {
		t.Errorf("%s: %d figures and %d shares", what, len(metrics), shares)
	}
}

func checkProductHistory(t *testing.T, what string, s sight, h published.ProductHistory) {
	t.Helper()
	instances, reports, known := map[rollup.MonthID]*int64{}, map[rollup.MonthID]*int64{}, 0
	for _, m := range h.Months {
		instances[m.Month], reports[m.Month] = m.Instances, m.Reports
		if m.Instances != nil {
			known++
		}
	}
	if known < 2 {
		t.Errorf("%s: %d months are known", what, known)
	}
	equal(t, what+": history of instances", s.Figures["history-instances"].column(t, "Instances"), instances)
	equal(t, what+": history of reports", s.Figures["history-reports"].column(t, "Reports"), reports)
}
