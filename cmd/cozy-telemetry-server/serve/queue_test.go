package serve

import (
	"path/filepath"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A month waits for the reports that are forwarded, not for those that never will be.
func TestOldestQueued(t *testing.T) {
	s := &server{store: openStore(t, filepath.Join(t.TempDir(), "telemetry.db"))}
	s.cfg.forwardURL = "http://vminsert/"
	if at := s.oldestQueued(); !at.IsZero() {
		t.Errorf("nothing waits, but since %s", at)
	}
	for _, at := range []int{1, 0, 2} {
		r := rollup.Report{
			Product: rollup.Cozystack, Instance: "c", Received: noon.AddDate(0, 0, at),
			Samples: []rollup.Sample{{Series: "cozy_cluster_info", Value: 1}},
		}
		if err := s.store.Record(t.Context(), r, []byte("a 1 1\n")); err != nil {
			t.Fatal(err)
		}
	}
	if at := s.oldestQueued(); at.IsZero() || at.After(noon.AddDate(0, 0, 1)) {
		t.Errorf("the oldest is of %s", at)
	}
	s.cfg.forwardURL = ""
	if at := s.oldestQueued(); !at.IsZero() {
		t.Errorf("nothing is forwarded, but %s is waited for", at)
	}
}
