package rewrite

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What rollups have counted is dropped where merged records know more, but not the
// figures of a file that has no records of the month any more: no one else has those.
func TestChooseKeepsWhatHasNoRecords(t *testing.T) {
	figures := func(clusters int64, records bool) candidate {
		snap := rollup.Snapshot{Clusters: clusters, Source: rollup.SourceRollups}
		b, err := json.Marshal(snap)
		if err != nil {
			t.Fatal(err)
		}
		return candidate{snap: snap, json: b, records: records}
	}
	kept, a, b := figures(1, false), figures(2, true), figures(3, true)
	if got := new(combiner).choose([]candidate{a, kept, b}); !bytes.Equal(got, kept.json) {
		t.Errorf("got %s, want %s", got, kept.json)
	}
	if got := new(combiner).choose([]candidate{a, b}); got != nil {
		t.Errorf("got %s of records that differ", got)
	}
}

// Confirmed figures come from one file's records, whatever the source of the others: they
// go where merged records know more, and stay where no one else has those records.
func TestChooseLeavesOutConfirmedOfOneFile(t *testing.T) {
	figures := func(clusters int64, records bool) candidate {
		snap := rollup.Snapshot{Clusters: clusters, Source: rollup.SourceVictoriaMetrics, Final: true,
			Confirmed: &rollup.Confirmed{Clusters: clusters, DaysWithData: 30}}
		b, err := json.Marshal(snap)
		if err != nil {
			t.Fatal(err)
		}
		return candidate{snap: snap, json: b, records: records}
	}
	for name, tc := range map[string]struct {
		candidates []candidate
		stays      bool
	}{
		"one file":                  {[]candidate{figures(3, true)}, true},
		"another has records, too":  {[]candidate{figures(3, true), figures(2, true)}, false},
		"another has records alone": {[]candidate{figures(3, true), {records: true}}, false},
		"the best has no records":   {[]candidate{figures(3, false), figures(2, true)}, true},
		"the same twice":            {[]candidate{figures(3, true), figures(3, true)}, true},
	} {
		var got rollup.Snapshot
		if err := json.Unmarshal(new(combiner).choose(tc.candidates), &got); err != nil {
			t.Fatal(err)
		}
		if got.Clusters != 3 || (got.Confirmed != nil) != tc.stays {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
