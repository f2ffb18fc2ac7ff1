package rollup_test

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// productRivals are product snapshots of one month that differ in little.
func productRivals() *rapid.Generator[rollup.ProductSnapshot] {
	return rapid.Custom(func(t *rapid.T) rollup.ProductSnapshot {
		few := func(name string) int64 { return int64(rapid.IntRange(1, 2).Draw(t, name)) }
		return rollup.ProductSnapshot{
			Product:      "synapse",
			Month:        rollup.NewMonth(2026, time.March),
			Instances:    few("instances"),
			Reports:      few("reports"),
			DaysWithData: int(few("days")),
			Source:       rollup.SourceRollups,
			Final:        rapid.Bool().Draw(t, "final"),
			Metrics:      map[string]float64{"mean": float64(few("mean"))},
		}
	})
}

func TestProductRankIsATotalPreorder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := productRivals().Draw(t, "a"), productRivals().Draw(t, "b"), productRivals().Draw(t, "c")
		if a.Compare(a) != 0 || cmp.Compare(a.Compare(b), 0) != -cmp.Compare(b.Compare(a), 0) {
			t.Fatalf("not antisymmetric: %d and %d", a.Compare(b), b.Compare(a))
		}
		if a.Compare(b) >= 0 && b.Compare(c) >= 0 && a.Compare(c) < 0 {
			t.Fatal("not transitive")
		}
	})
}

// Each has one more of what decides, and less of all that comes behind it.
func TestProductRank(t *testing.T) {
	ascending := []rollup.ProductSnapshot{
		{Instances: 2, DaysWithData: 2, Reports: 2},
		{Instances: 2, DaysWithData: 2, Reports: 2, Final: true},
		{Instances: 2, DaysWithData: 2, Reports: 3},
		{Instances: 2, DaysWithData: 3, Reports: 1},
		{Instances: 3, DaysWithData: 1, Reports: 1},
	}
	var none rollup.Exclusions
	for i, worse := range ascending[:len(ascending)-1] {
		better := ascending[i+1]
		if better.Compare(worse) <= 0 || !reflect.DeepEqual(none.KeepProduct(better, worse), better) ||
			!reflect.DeepEqual(none.KeepProduct(worse, better), better) {
			t.Errorf("%+v is not better than %+v", better, worse)
		}
	}
	newer := ascending[0]
	newer.CollectedAt = newer.Month.End()
	if kept := none.KeepProduct(ascending[0], newer); !kept.CollectedAt.Equal(newer.CollectedAt) {
		t.Error("of equals the one that is offered must stand")
	}
	// What was counted before an instance was excluded gives way.
	one, fewer := rollup.NewExclusions([]string{"x"}), rollup.ProductSnapshot{Instances: 1}
	fewer.Excluding = one.Digest
	if kept := one.KeepProduct(ascending[0], fewer); kept.Instances != 1 {
		t.Errorf("%+v stands beside one that leaves out what is excluded", kept)
	}
}

func TestProductSnapshotRoundTrip(t *testing.T) {
	want := rollup.ProductSnapshot{
		Product: "synapse", Month: rollup.NewMonth(2026, time.March), CollectedAt: time.Date(2026, 4, 1, 1, 0, 0, 5, time.UTC),
		Instances: 2, Reports: 40, DaysWithData: 31, Source: rollup.SourceRollups, Final: true,
		Metrics: map[string]float64{"total_users": 1.5}, Shares: map[string]map[string]int64{"version": {"1.99": 2}},
	}
	b, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got rollup.ProductSnapshot
	if err := json.Unmarshal(b, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, from %s", got, err, b)
	}
	var fields map[string]any
	if err := json.Unmarshal(b, &fields); err != nil {
		t.Fatal(err)
	}
	names := []string{"collected_at", "days_with_data", "final", "instances", "metrics", "month", "product", "reports", "shares", "source"}
	if len(fields) != len(names) || !slices.IsSorted(names) {
		t.Errorf("the fields are %v", fields)
	}
	for _, name := range names {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s is missing", name)
		}
	}
}
