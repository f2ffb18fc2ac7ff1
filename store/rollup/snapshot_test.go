package rollup_test

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func fullSnapshot() rollup.Snapshot {
	confirmed := int64(0)
	return rollup.Snapshot{
		Month:             rollup.NewMonth(2026, time.March),
		CollectedAt:       time.Date(2026, 4, 1, 1, 0, 0, 5, time.UTC),
		Clusters:          2,
		TotalNodes:        9,
		TotalTenants:      4,
		Apps:              map[string]int64{"postgres": 5, "redis": 0},
		Kinds:             map[string]int64{"Postgres": 5},
		ConfirmedClusters: &confirmed,
		Confirmed:         &rollup.Confirmed{Clusters: 1, TotalNodes: 3, TotalTenants: 1, Kinds: map[string]int64{"Postgres": 2}, DaysWithData: 30},
		DaysWithData:      31,
		Source:            rollup.SourceVictoriaMetrics,
		Final:             true,
	}
}

func TestSnapshotRoundTrip(t *testing.T) {
	imported := rollup.Snapshot{Month: rollup.NewMonth(2025, time.December), Source: rollup.SourceImported}
	for _, want := range []rollup.Snapshot{fullSnapshot(), imported, {}} {
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got rollup.Snapshot
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v\nfrom %s", got, want, b)
		}
	}
}

func TestSnapshotHasTheFieldsOfTheOriginal(t *testing.T) {
	b, err := json.Marshal(fullSnapshot())
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"month":         "2026-03",
		"collected_at":  "2026-04-01T01:00:00.000000005Z",
		"clusters":      2.0,
		"total_nodes":   9.0,
		"total_tenants": 4.0,
		"apps":          map[string]any{"postgres": 5.0, "redis": 0.0},
	} {
		if !reflect.DeepEqual(fields[name], want) {
			t.Errorf("%s: got %v, want %v", name, fields[name], want)
		}
		delete(fields, name)
	}
	want := []string{"confirmed", "confirmed_clusters", "days_with_data", "final", "kinds", "source"}
	if got := slices.Sorted(maps.Keys(fields)); !slices.Equal(got, want) {
		t.Errorf("our own fields: got %q, want %q", got, want)
	}
}

func TestSnapshotOfTheOriginalReads(t *testing.T) {
	const original = `{
  "month": "2025-11",
  "collected_at": "2025-12-01T00:00:12Z",
  "clusters": 7,
  "total_nodes": 31,
  "total_tenants": 12,
  "apps": {"kubernetes": 3}
}`
	var got rollup.Snapshot
	if err := json.Unmarshal([]byte(original), &got); err != nil {
		t.Fatal(err)
	}
	want := rollup.Snapshot{
		Month:        rollup.NewMonth(2025, time.November),
		CollectedAt:  time.Date(2025, 12, 1, 0, 0, 12, 0, time.UTC),
		Clusters:     7,
		TotalNodes:   31,
		TotalTenants: 12,
		Apps:         map[string]int64{"kubernetes": 3},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}
