package exclude

import (
	"io"
	"path/filepath"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Months are closed before they are counted again; but not the days of sessions, of which
// nothing outlives the day.
func TestExcludeClosesNoSessions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	s := open(t, path)
	fleet(t, s)
	march := time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)
	err := s.Record(t.Context(), rollup.Report{
		Product: "kubeatlas", Instance: "session", Received: march, Samples: []rollup.Sample{{Series: "kubeatlas_build", Value: 1}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	figures := rollup.Snapshot{Month: rollup.MonthOf(march), Clusters: 4, Source: rollup.SourceRollups, Final: true}
	if _, err := s.OfferSnapshot(t.Context(), figures); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := Commands(cli.Environment{Stdout: io.Discard, Stderr: io.Discard, Now: func() time.Time { return now }})[0]
	cmd.SetArgs([]string{"--db", path, "--apply", "flood-a", "flood-b"})
	if err := cmd.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	st, err := s.Stats()
	if err != nil {
		t.Fatal(err)
	}
	closed := make(map[string]int)
	for _, m := range st.Months {
		closed[m.Product] += m.Closed + m.Records
	}
	if closed["kubeatlas"] != 0 || closed[rollup.Cozystack] == 0 {
		t.Errorf("closed days and records of months: %v", closed)
	}
}
