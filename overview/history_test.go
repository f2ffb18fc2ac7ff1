package overview

import (
	"reflect"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Each month of the history is what the overview of that month says, and one of which nothing
// is known has a row without figures.
func TestHistoryIsTheOverviews(t *testing.T) {
	lines := append(clusters("2026-01", 2), clusters("2026-03", 4)...)
	r := newRig(t, "2026-04-10T00:00:00Z", Config{ConfirmDays: 1}, append(lines, clusters("2026-04", 3)...)...)
	for _, publish := range []Publish{Seen, Confirmed} {
		h, _, err := r.History(t.Context(), monthID(t, "2025-12"), monthID(t, "2026-04"), publish)
		if err != nil || len(h.Months) != 5 {
			t.Fatalf("%v, %v", h, err)
		}
		for _, row := range h.Months {
			answer, err := r.Answer(t.Context(), row.Month, Average, publish)
			want := published.HistoryMonth{Month: row.Month}
			if err == nil {
				want = HistoryRow(row.Month, answer.Overview.Periods.Month, row.DaysWithData)
			}
			if (row.Clusters == nil) != (row.Month == monthID(t, "2025-12") || row.Month == monthID(t, "2026-02")) || !reflect.DeepEqual(row, want) {
				t.Errorf("%s of %s: %+v, not %+v", publish, row.Month, row, want)
			}
		}
	}
	if _, _, err := r.History(t.Context(), monthID(t, "2025-01"), monthID(t, "2025-06"), Seen); StatusOf(err) != 404 {
		t.Errorf("months without data: %v", err)
	}
}

// Of a month that the original server has left nobody knows on how many days it was seen.
func TestHistoryOfAnImportedMonth(t *testing.T) {
	r := newRig(t, "2026-04-10T00:00:00Z", Config{})
	r.store.put(t, "2026-03", rollup.Snapshot{Clusters: 42, Source: rollup.SourceImported, CollectedAt: instant(t, "2026-04-01T07:01:00Z"), Final: true})
	h, _, err := r.History(t.Context(), monthID(t, "2026-03"), monthID(t, "2026-03"), Seen)
	if err != nil || *h.Months[0].Clusters != 42 || h.Months[0].DaysWithData != nil {
		t.Errorf("%+v, %v", h, err)
	}
}
