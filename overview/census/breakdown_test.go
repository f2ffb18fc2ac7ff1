package census_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/census"
	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// TestBreakdownByHand holds every dimension to what was counted by hand.
func TestBreakdownByHand(t *testing.T) {
	r := newRig(t, census.Config{})
	talos := "linux (Talos (v1.8.4))"
	full := func(version string, more ...string) state {
		return running(version, append([]string{
			packageLine("core", "default"), `cozy_cluster_capacity{resource="cpu"} 8`,
			`cozy_pvs_count{driver="linstor.csi.linbit.com",size="5Gi"} 2`,
		}, more...)...)
	}
	// 12 upgrade from v1.0.0 to v1.1.0, and their kernel with it.
	upgraded := named("up", 12)
	r.report("2026-03-01", "2026-03-15", 5, full("v1.0.0", nodes(3, talos, "6.6.64-talos")), upgraded...)
	r.report("2026-03-15", "2026-03-31", 9, full("v1.1.0+build.7", nodes(3, talos, "6.12.35-talos"), packageLine("storage", "linstor")), upgraded...)
	// 7 stay; the odd one of them has two drivers, and most volumes with the other.
	r.report("2026-03-01", "2026-03-31", 5, full("v1.0.0", nodes(1, "linux (Ubuntu 22.04.3 LTS)", "5.15.0-91-generic")), named("stay", 7)...)
	r.report("2026-03-31", "2026-03-31", 5, full("v1.0.0", nodes(1, "linux (Ubuntu 22.04.3 LTS)", "5.15.0-91-generic"),
		`cozy_pvs_count{driver="nfs.csi.k8s.io",size="1Gi"} 2`, `cozy_pvs_count{driver="nfs.csi.k8s.io",size="2Gi"} 3`), "stay000")
	// 2 are old: no packages, no capacity.
	r.report("2026-03-01", "2026-03-31", 5, running("v0.35.2", nodes(30, talos, "6.12.35-talos")), named("old", 2)...)

	b := r.breakdown("2026-03")
	for _, tc := range []struct{ dimension, pkg, want string }{
		{published.ByVersion, "", "21: v1.1.0 12, other 9"}, // the 2 old would be told: v1.0.0 comes along
		{published.ByKubernetes, "", "21: v1.31 21"},
		{published.ByOS, "", "21: Talos 1.8 14, Ubuntu 22.04 7"},
		{published.ByKernel, "", "21: 6.12 14, 5.15 7"},
		{published.ByDriver, "", "21: other 21"}, // 18, 1, and 2 without
		{published.ByNodes, "", "21: 2–3 12, other 9"},
		{published.ByPackage, "", "21: core 21, storage 12"}, // 19 of 21 have core
		{published.ByVariant, "core", "21: default 21"},
		{published.ByVariant, "storage", "12: linstor 12"},
	} {
		if got := text(b, tc.dimension, tc.pkg); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.dimension, tc.pkg, got, tc.want)
		}
	}
	if got, want := fmt.Sprint(b.Clusters, b.DaysWithData, b.Complete, b.MinShare, b.Capacity), "21 31 true 5 [{cpu 21 152}]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestNoData(t *testing.T) {
	r := newRig(t, census.Config{})
	for _, month := range []string{"2026-03", "2026-06", "2026-09"} {
		if _, err := r.Breakdown(context.Background(), monthOf(month)); !errors.Is(err, census.ErrNoData) {
			t.Errorf("%s of an empty file: %v", month, err)
		}
	}
	r.report("2026-06-10", "2026-06-10", 5, running("v1.0.0"), "a")
	for _, month := range []string{"2026-05", "2026-07"} {
		if _, err := r.Breakdown(context.Background(), monthOf(month)); !errors.Is(err, census.ErrNoData) {
			t.Errorf("%s: %v", month, err)
		}
	}
	if got := text(r.breakdown("2026-06"), published.ByVersion, ""); got != "1: " {
		t.Errorf("a single cluster is told: %s", got)
	}
}
