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
	if got := choose([]candidate{a, kept, b}); !bytes.Equal(got, kept.json) {
		t.Errorf("got %s, want %s", got, kept.json)
	}
	if got := choose([]candidate{a, b}); got != nil {
		t.Errorf("got %s of records that differ", got)
	}
}
