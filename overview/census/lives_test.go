package census_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

func (r *rig) adoption() *published.Adoption {
	r.t.Helper()
	a, err := r.Adoption(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *rig) retention() *published.Retention {
	r.t.Helper()
	a, err := r.Retention(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	return a
}

func days(n *int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// TestAdoptionByHand: 20 clusters run v1.0.0 from the first day on; v1.1.0 comes on March 10
// with 5 of them, 10 follow on April 2, one after the other offline for a week, and 5 stay.
func TestAdoptionByHand(t *testing.T) {
	r := newRig(t, census.Config{})
	all := named("c", 20)
	old, new := running("v1.0.0"), running("v1.1.0")
	r.report("2026-01-01", "2026-03-09", 23, old, all...)
	r.report("2026-03-10", "2026-06-14", 5, new, all[:5]...)
	r.report("2026-03-10", "2026-03-25", 23, old, all[5:]...)
	r.report("2026-03-26", "2026-04-01", 23, old, all[15:]...) // the ten are offline
	r.report("2026-04-02", "2026-06-14", 5, new, all[5:15]...)
	r.report("2026-04-02", "2026-06-14", 23, old, all[15:]...)
	// What is no release, or of few, or of clusters that were seen for six days.
	r.report("2026-05-01", "2026-05-06", 5, running("v1.2.0"), named("made-up", 50)...)
	r.report("2026-05-01", "2026-05-20", 5, running("v1.3.0-rc.1"), named("dev", 6)...)
	r.report("2026-05-01", "2026-05-20", 5, running("v1.4.0"), named("few", 4)...)

	a := r.adoption()
	var got []string
	for _, v := range a.Versions {
		got = append(got, fmt.Sprintf("%s from %s: %d, %s %s %s, %d in %s", v.Version, v.FirstReport, v.Clusters,
			days(v.DaysTo10), days(v.DaysTo50), days(v.DaysTo90), v.Upgraded, days(v.MedianDays)))
	}
	want := []string{
		"v1.1.0 from 2026-03-10: 15, 0 23 -, 15 in 23",
		"v1.0.0 from 2026-01-01: 20, - - -, 0 in -",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
	if a.Clusters != 20 {
		t.Errorf("%d are active", a.Clusters)
	}
	for _, tc := range []struct{ version, day, clusters, active int }{
		{0, 0, 5, 20}, {0, 22, 5, 20}, {0, 23, 15, 20}, {0, 51, 15, 20}, {0, 52, 15, 30}, {0, 96, 15, 20},
	} {
		if s := a.Versions[tc.version].Shares[tc.day]; s.Clusters != int64(tc.clusters) || s.Active != int64(tc.active) {
			t.Errorf("day %d of %s: %+v, want %d of %d", tc.day, a.Versions[tc.version].Version, s, tc.clusters, tc.active)
		}
	}
}

// TestRetentionByHand: 10 join in January, 5 of them leave in March; 7 join in April, of which
// 6 leave at once; some are seen too seldom to count.
func TestRetentionByHand(t *testing.T) {
	r := newRig(t, census.Config{})
	v := running("v1.0.0")
	r.report("2026-01-20", "2026-03-05", 5, v, named("left", 5)...)
	r.report("2026-01-28", "2026-06-14", 5, v, named("stay", 5)...)
	r.report("2026-04-01", "2026-04-10", 5, v, named("short", 6)...)
	r.report("2026-04-01", "2026-06-10", 5, v, "long")
	r.report("2026-02-01", "2026-02-06", 5, v, named("seldom", 9)...)

	got, err := json.Marshal(r.retention())
	if err != nil {
		t.Fatal(err)
	}
	want := `{"generated_at":"2026-06-15T00:00:00Z","min_share":5,"months":[` +
		`{"month":"2026-01","joined":10,"left":0,"seen_after_1_month":10,"seen_after_3_months":5,"seen_after_6_months":null,"seen_after_12_months":null},` +
		`{"month":"2026-02","joined":0,"left":0,"seen_after_1_month":null,"seen_after_3_months":null,"seen_after_6_months":null,"seen_after_12_months":null},` +
		`{"month":"2026-03","joined":0,"left":5,"seen_after_1_month":null,"seen_after_3_months":null,"seen_after_6_months":null,"seen_after_12_months":null},` +
		`{"month":"2026-04","joined":5,"left":5,"seen_after_1_month":0,"seen_after_3_months":null,"seen_after_6_months":null,"seen_after_12_months":null},` +
		`{"month":"2026-05","joined":0,"left":null,"seen_after_1_month":null,"seen_after_3_months":null,"seen_after_6_months":null,"seen_after_12_months":null}]}`
	if string(got) != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}
