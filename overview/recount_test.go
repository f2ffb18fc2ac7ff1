package overview

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Days that are merged into a month long over replace what was final of it only
// where they show more.
func TestRecount(t *testing.T) {
	var wholeMonth []line
	for day := 1; day <= 31; day++ {
		wholeMonth = append(wholeMonth, line{"c000", fmt.Sprintf("2026-03-%02dT10:00:00Z", day), []string{"cozy_cluster_info 1", "cozy_nodes_count 2"}})
	}
	for name, tc := range map[string]struct {
		stored *rollup.Snapshot
		lines  []line
		want   string // the source that is stored in the end
	}{
		"nothing stored":          {lines: clusters("2026-03", 5)},
		"not final":               {stored: &rollup.Snapshot{Clusters: 3, Source: rollup.SourceRollups}, lines: clusters("2026-03", 5), want: "rollups 3"},
		"rollups, fewer":          {stored: final(rollup.SourceRollups, 3), lines: clusters("2026-03", 5), want: "rollups 5"},
		"rollups, as many":        {stored: final(rollup.SourceRollups, 5), lines: clusters("2026-03", 5), want: "rollups 5"},
		"rollups, more":           {stored: final(rollup.SourceRollups, 9), lines: clusters("2026-03", 5), want: "rollups 9"},
		"imported, fewer":         {stored: final(rollup.SourceImported, 4), lines: clusters("2026-03", 5), want: "rollups 5"},
		"imported, as many, part": {stored: final(rollup.SourceImported, 5), lines: clusters("2026-03", 5), want: "imported 5"},
		"imported, as many, all":  {stored: final(rollup.SourceImported, 1), lines: wholeMonth, want: "rollups 1"},
		"imported, more":          {stored: final(rollup.SourceImported, 6), lines: clusters("2026-03", 5), want: "imported 6"},
		"vmselect, fewer":         {stored: final(rollup.SourceVictoriaMetrics, 4), lines: clusters("2026-03", 5), want: "rollups 5"},
		"vmselect, as many":       {stored: exact(5, 1), lines: clusters("2026-03", 5), want: "victoriametrics 5"},
		"vmselect, fewer days":    {stored: exact(5, 0), lines: clusters("2026-03", 5), want: "rollups 5"},
		"vmselect, upper bound":   {stored: upper(5, 1), lines: clusters("2026-03", 5), want: "rollups 5"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "2026-05-02T12:00:00Z", Config{}, tc.lines...)
			month := monthID(t, "2026-03")
			if tc.stored != nil {
				tc.stored.Month = month
				if _, err := r.store.OfferSnapshot(t.Context(), *tc.stored); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 { // the second one changes nothing
				if _, err := r.Recount(t.Context(), month); err != nil {
					t.Fatal(err)
				}
			}
			if changed, err := r.Recount(t.Context(), month); changed || err != nil {
				t.Errorf("changed again: %v", err)
			}
			s, ok, err := r.store.Snapshot(month)
			got := ""
			if ok {
				got = fmt.Sprintf("%s %d", s.Source, s.Clusters)
			}
			if got != tc.want || err != nil {
				t.Errorf("got %q, want %q: %v", got, tc.want, err)
			}
			if got == "rollups 5" && s.TotalNodes != 10 {
				t.Errorf("%d nodes", s.TotalNodes)
			}
		})
	}
}

// A month of the original server that is imported beside days that show more, as
// after a backfill into a new file, gives way by itself.
func TestImportedMonthGivesWay(t *testing.T) {
	for _, tc := range []struct {
		imported, want int64
		source         rollup.Source
	}{{4, 5, rollup.SourceRollups}, {9, 9, rollup.SourceImported}} {
		r := newRig(t, "2026-05-02T12:00:00Z", Config{}, clusters("2026-03", 5)...)
		stored := final(rollup.SourceImported, tc.imported)
		stored.Month = monthID(t, "2026-03")
		if _, err := r.store.OfferSnapshot(t.Context(), *stored); err != nil {
			t.Fatal(err)
		}
		c := collector{Overview: r.Overview}
		c.round(t.Context())
		month := r.ask(t, "2026-03", Average).Periods.Month
		if month.Clusters != tc.want || month.Source != tc.source {
			t.Errorf("of %d imported, %+v is shown", tc.imported, month)
		}
	}
}

// keepingApps keep kinds as the real table does: in one spelling, and above 0.
type keepingApps struct{ fakeApps }

func (keepingApps) Keep(kinds map[string]int64) map[string]int64 {
	kept := map[string]int64{}
	for kind, n := range kinds {
		if n > 0 {
			kept[strings.ToLower(kind)] += n
		}
	}
	return kept
}

// A month is counted again with the kinds that its snapshot has kept: nothing is
// missing, and nothing has changed, only because a kind was left out or renamed.
func TestCountAgainKeepsKinds(t *testing.T) {
	r := newRig(t, "2026-05-02T12:00:00Z", Config{}, line{"c000", "2026-03-01T10:00:00Z", []string{
		"cozy_cluster_info 1",
		`cozy_application_count{kind="Postgres"} 2`,
		`cozy_application_count{kind="postgres"} 3`,
		`cozy_application_count{kind="Redis"} 0`,
	}})
	r.apps = keepingApps{}
	if got := r.ask(t, "2026-03", Average).Periods.Month.Apps["postgres"]; got != 5 {
		t.Fatalf("%d postgres", got)
	}
	month := monthID(t, "2026-03")
	stored, ok, err := r.store.Snapshot(month)
	if err != nil || !ok || !stored.Final {
		t.Fatalf("stored is %+v: %v", stored, err)
	}
	if note, err := r.Compare(stored); note != "" || err != nil {
		t.Errorf("compared: %q, %v", note, err)
	}
	if changed, err := r.Recount(t.Context(), month); changed || err != nil {
		t.Errorf("recounted: changed is %v, %v", changed, err)
	}
}

// exact is what vmselect has said of a month of so many days, upper the same from
// before the derived series.
func exact(clusters int64, days int) *rollup.Snapshot {
	s := upper(clusters, days)
	s.ExactNodes = true
	return s
}

func upper(clusters int64, days int) *rollup.Snapshot {
	s := final(rollup.SourceVictoriaMetrics, clusters)
	s.DaysWithData, s.TotalNodes = days, 1312
	return s
}

func final(source rollup.Source, clusters int64) *rollup.Snapshot {
	return &rollup.Snapshot{Clusters: clusters, Source: source, Final: true, Asked: true}
}
