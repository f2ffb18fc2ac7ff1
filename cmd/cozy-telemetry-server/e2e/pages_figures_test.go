package e2e

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// spans are the periods of a page, with the period of an answer that each one shows.
var spans = map[string]func(published.Periods[published.Period]) published.Period{
	"month":   func(p published.Periods[published.Period]) published.Period { return p.Month },
	"quarter": func(p published.Periods[published.Period]) published.Period { return p.Quarter },
	"year":    func(p published.Periods[published.Period]) published.Period { return p.Year },
}

// What a page shows is what each answer says, for a month that has ended and for the
// running one, each period, seen and confirmed.
func testFiguresAreTheAnswers(t *testing.T, b *browser, server *process) {
	page := b.open(t, server.Public)
	for _, month := range []rollup.MonthID{thisMonth() - 1, thisMonth()} {
		for _, base := range []published.Base{published.Seen, published.Confirmed} {
			a := askAll(t, server, month, base)
			for span, of := range spans {
				what := fmt.Sprintf("%s, %s, %s", month, span, base)
				s := page.read(server.at("/", "month", month.String(), "period", span, "publish", string(base)))
				checkTiles(t, what, s, of(a.overview.Periods))
				checkSections(t, what, s, of(a.overview.Periods), a)
				checkCSV(t, what, s, span, base)
				checkDrawings(t, what, s)
			}
		}
	}
}

// answers are what the server says of a month as JSON.
type answers struct {
	overview  published.Overview
	history   published.History
	breakdown published.Breakdown
	adoption  published.Adoption
	retention published.Retention
}

func askAll(t *testing.T, server *process, month rollup.MonthID, base published.Base) (a answers) {
	t.Helper()
	of := []string{"year", month.Start().Format("2006"), "month", month.Start().Format("1")}
	window := []string{"from", (month - 23).String(), "to", month.String(), "publish", string(base)}
	getJSON(t, server.at("/api/overview", append(of, "publish", string(base))...), &a.overview)
	getJSON(t, server.at("/api/history", window...), &a.history)
	getJSON(t, server.at("/api/breakdown", of...), &a.breakdown)
	getJSON(t, server.at("/api/adoption"), &a.adoption)
	getJSON(t, server.at("/api/retention"), &a.retention)
	return a
}

// checkTiles holds the main figures against a period's, with the other clusters' beside.
func checkTiles(t *testing.T, what string, s sight, want published.Period) {
	t.Helper()
	beside := []*int64{nil, nil, nil}
	switch {
	case want.Published == published.Confirmed:
		beside[0] = want.UniqueClusters
	case want.Confirmed != nil:
		beside = []*int64{&want.Confirmed.Clusters, &want.Confirmed.TotalNodes, &want.Confirmed.TotalTenants}
	}
	for i, figure := range []struct {
		tile string
		want int64
	}{{"clusters", want.Clusters}, {"total_nodes", want.TotalNodes}, {"total_tenants", want.TotalTenants}} {
		got := s.Tiles[figure.tile]
		if got.Figure == nil || *got.Figure != figure.want || !reflect.DeepEqual(got.Beside, beside[i]) {
			t.Errorf("%s: %s are %s, beside %s; want %d, %s", what, figure.tile, number(got.Figure), number(got.Beside), figure.want, number(beside[i]))
		}
	}
	if want.Clusters == 0 {
		t.Errorf("%s: there are no clusters", what)
	}
}

// checkSections holds each table against its answer.
func checkSections(t *testing.T, what string, s sight, period published.Period, a answers) {
	t.Helper()
	installed := map[string]*int64{}
	for app, n := range period.Apps {
		installed[app] = &n
	}
	equal(t, what+": applications", s.Figures["apps-figure"].column(t, "Installed"), installed)
	checkHistory(t, what, s, a.history, period.Published)
	variants := [][]*string(nil)
	for i, d := range a.breakdown.Dimensions {
		if d.Name != published.ByVariant {
			checkDimension(t, what, s.Figures[fmt.Sprintf("by-%d", i)], d)
			continue
		}
		for _, v := range d.Values {
			variants = append(variants, texts(d.Package, v.Value, v.Clusters))
		}
	}
	equal(t, what+": variants", cut(s.Figures["variants"], 0, 1, 2), variants)
	var capacity, adoption, retention [][]*string
	for _, r := range a.breakdown.Capacity {
		capacity = append(capacity, texts(r.Total, r.Clusters))
	}
	equal(t, what+": capacity", cut(s.Figures["capacity-figure"], 1, 2), capacity)
	for _, v := range a.adoption.Versions {
		adoption = append(adoption, texts(v.Version, v.FirstReport, v.Clusters, v.DaysTo10, v.DaysTo50, v.DaysTo90, v.Upgraded, v.MedianDays))
	}
	equal(t, what+": adoption", s.Figures["adoption-figure"].Rows, adoption)
	for _, c := range a.retention.Months {
		row := texts(c.Month, c.Joined, c.After1, c.After3, c.After6, c.After12, c.Left)
		retention = append([][]*string{row}, retention...)
	}
	equal(t, what+": retention", s.Figures["retention-figure"].Rows, retention)
}

func checkHistory(t *testing.T, what string, s sight, h published.History, base published.Base) {
	t.Helper()
	var clusters, nodes [][]*string
	for _, m := range h.Months {
		row := [2][]any{{m.Month}, {m.Month}}
		if base == published.Seen {
			row = [2][]any{{m.Month, m.Clusters}, {m.Month, m.TotalNodes}}
		}
		var confirmed [2]*int64
		if c := m.Confirmed; c != nil {
			confirmed = [2]*int64{&c.Clusters, &c.TotalNodes}
		}
		clusters = append([][]*string{texts(append(row[0], confirmed[0], m.DaysWithData)...)}, clusters...)
		nodes = append([][]*string{texts(append(row[1], confirmed[1], m.DaysWithData)...)}, nodes...)
	}
	columns := []int{0, 1, 2, 3}[:len(nodes[0])]
	if len(clusters) != 24 {
		t.Errorf("%s: a history of %d months", what, len(clusters))
	}
	equal(t, what+": history of clusters", cut(s.Figures["history-clusters"], columns...), clusters)
	equal(t, what+": history of nodes", cut(s.Figures["history-nodes"], columns...), nodes)
}

func checkDimension(t *testing.T, what string, d drawing, want published.Dimension) {
	t.Helper()
	if len(d.Rows) != len(want.Values) {
		t.Errorf("%s: %s %s has %d rows, want %d", what, want.Name, want.Package, len(d.Rows), len(want.Values))
		return
	}
	for i, v := range want.Values {
		if !strings.Contains(*d.Rows[i][0], v.Value) || *d.Rows[i][1] != fmt.Sprint(v.Clusters) {
			t.Errorf("%s: %s %s: %s clusters of %s, want %d of %s", what, want.Name, want.Package, *d.Rows[i][1], *d.Rows[i][0], v.Clusters, v.Value)
		}
	}
}
