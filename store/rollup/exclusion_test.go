package rollup_test

import (
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A set has one digest, in whatever order it is named, and no other set has it.
func TestExclusionsAreASet(t *testing.T) {
	a := rollup.NewExclusions([]string{"b", "a", "b"})
	if b := rollup.NewExclusions([]string{"a", "b"}); a.Digest != b.Digest || len(a.Instances) != 2 {
		t.Errorf("%+v and %+v", a, b)
	}
	for _, others := range [][]string{nil, {"a"}, {"ab"}, {"a", "b", "c"}} {
		if b := rollup.NewExclusions(others); b.Digest == a.Digest {
			t.Errorf("%v has the digest of %v", others, a.Instances)
		}
	}
	if none := rollup.NewExclusions(nil); none.Digest != "" {
		t.Errorf("no exclusions have the digest %q", none.Digest)
	}
}

// What was counted under other exclusions gives way, though it is larger, and never
// comes back. It stays where more is missing than was excluded.
func TestExclusionsKeep(t *testing.T) {
	x := rollup.NewExclusions([]string{"a", "b"})
	snap := func(clusters int64, excluding string, source rollup.Source) rollup.Snapshot {
		return rollup.Snapshot{Month: rollup.NewMonth(2026, time.March), Clusters: clusters, Excluding: excluding, Source: source, Final: true}
	}
	const own, imported = rollup.SourceRollups, rollup.SourceImported
	for name, tc := range map[string]struct {
		stored, offered rollup.Snapshot
		takes           bool
	}{
		"fewer, without the excluded":     {snap(9, "", own), snap(7, x.Digest, own), true},
		"fewer than the excluded can be":  {snap(9, "", own), snap(6, x.Digest, own), false},
		"more, counted before":            {snap(7, x.Digest, own), snap(9, "", own), false},
		"both counted now: the better":    {snap(7, x.Digest, own), snap(8, x.Digest, own), true},
		"both counted now: the worse":     {snap(7, x.Digest, own), snap(6, x.Digest, own), false},
		"an import is not counted again":  {snap(9, "", imported), snap(7, x.Digest, own), false},
		"both counted before: the better": {snap(7, "", own), snap(9, "", own), true},
	} {
		t.Run(name, func(t *testing.T) {
			want := tc.stored
			if tc.takes {
				want = tc.offered
			}
			if kept := x.Keep(tc.stored, tc.offered); kept.Clusters != want.Clusters || kept.Excluding != want.Excluding {
				t.Errorf("kept %+v", kept)
			}
		})
	}
}

// A stale month that stays has the confirmed figures of the count without the excluded:
// the rollups know those for themselves.
func TestExclusionsKeepConfirmed(t *testing.T) {
	x := rollup.NewExclusions([]string{"a"})
	month := rollup.NewMonth(2026, time.March)
	stored := rollup.Snapshot{Month: month, Clusters: 9, Source: rollup.SourceVictoriaMetrics, Confirmed: &rollup.Confirmed{Clusters: 5, DaysWithData: 31}}
	offered := rollup.Snapshot{Month: month, Clusters: 6, Excluding: x.Digest, Source: rollup.SourceRollups, Confirmed: &rollup.Confirmed{Clusters: 4, DaysWithData: 30}}
	if kept := x.Keep(stored, offered); kept.Clusters != 9 || kept.Confirmed != offered.Confirmed {
		t.Errorf("kept %+v", kept)
	}
	if kept := x.Keep(offered, stored); kept.Clusters != 6 || kept.Confirmed != offered.Confirmed {
		t.Errorf("the other way round %+v", kept)
	}
}
