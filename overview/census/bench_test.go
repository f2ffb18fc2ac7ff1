package census_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// benchRig has 24 closed months of clusters with 24 series each, which upgrade now and then.
func benchRig(b *testing.B, clusters int) *rig {
	b.Helper()
	r := newRig(b, census.Config{ConfirmDays: 2})
	for i := range 24 {
		month := monthOf("2024-07") + rollup.MonthID(i)
		for day := range rollup.Date(2) {
			days := make([]rollup.InstanceDay, clusters)
			for c := range days {
				days[c] = rollup.InstanceDay{Instance: fmt.Sprintf("%08x-77e0-4d0f-9f0a-1d8b6f0b9a11", c*2654435761), Day: dayOf(c%24, benchState(c, i))}
			}
			if err := r.store.MergeDays(context.Background(), rollup.Cozystack, month.First()+10*day, days); err != nil {
				b.Fatal(err)
			}
		}
		if err := r.store.CloseDays(context.Background(), month, month.Last()); err != nil {
			b.Fatal(err)
		}
	}
	r.now = date("2026-07-01").Start()
	return r
}

func benchState(cluster, month int) state {
	age := (month + cluster%5) / 3
	lines := running(fmt.Sprintf("v1.%d.%d", age, cluster%3),
		nodes(3+cluster%9, fmt.Sprintf("linux (Talos (v1.%d.1))", 5+age), fmt.Sprintf("6.%d.3-talos", age)),
		`cozy_cluster_capacity{resource="cpu"} 8`, `cozy_cluster_capacity{resource="memory"} 811020009472`,
		`cozy_pvs_count{driver="linstor.csi.linbit.com",size="5Gi"} 7`)
	for i := range 19 {
		lines = append(lines, packageLine(fmt.Sprintf("cozystack.package-%02d", i), []string{"default", "linstor"}[cluster%2]))
	}
	return lines
}

// BenchmarkCensus reads 24 months of 10 000 clusters for the first time, then makes each
// answer again of what is held.
func BenchmarkCensus(b *testing.B) {
	r := benchRig(b, 10_000)
	ctx := context.Background()
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			r.Forget()
			if _, err := r.Retention(ctx); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heldBytes(r))/(24*10_000), "B/cluster/month")
	})
	answers := map[string]func() error{
		"breakdown": func() error { _, err := r.Breakdown(ctx, monthOf("2026-06")); return err },
		"adoption":  func() error { r.now = r.now.Add(24 * time.Hour); _, err := r.Adoption(ctx); return err },
	}
	for _, name := range []string{"breakdown", "adoption"} {
		b.Run(name, func(b *testing.B) {
			if err := answers[name](); err != nil { // reads what heldBytes dropped
				b.Fatal(err)
			}
			for b.Loop() {
				if err := answers[name](); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// heldBytes returns how much memory the census holds on to.
func heldBytes(r *rig) int64 {
	var with, without runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&with)
	r.Forget()
	r.now = date("2020-01-01").Start() // there is nothing to read
	_, _ = r.Retention(context.Background())
	r.now = date("2026-07-01").Start()
	runtime.GC()
	runtime.ReadMemStats(&without)
	return int64(with.HeapAlloc) - int64(without.HeapAlloc)
}
