package serve

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A day with a record that can't be read has no totals, is told once, and keeps those of no
// other day.
func TestTotalsOfDamagedDay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	s := openStore(t, path)
	first := rollup.DateOf(noon) - 3
	for d := range rollup.Date(3) {
		err := s.Record(t.Context(), rollup.Report{
			Product: "kubeatlas", Instance: "s", Received: (first + d).Start(),
			Samples: []rollup.Sample{{Series: "kubeatlas_clusters", Value: 1}},
		}, nil)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	damageRecord(t, path, "kubeatlas", first+1, "s")

	s = openStore(t, path)
	var log strings.Builder
	days := &totals{store: s, product: "kubeatlas", now: func() time.Time { return noon }, log: zerolog.New(&log)}
	for range 2 {
		if err := days.round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	blocks, err := s.QueueOf("kubeatlas").Peek(1 << 20)
	if err != nil || len(blocks) != 2 || !blocks[0].Received.Equal(first.Start()) || !blocks[1].Received.Equal((first + 2).Start()) {
		t.Errorf("there wait %v, %v", blocks, err)
	}
	if n := strings.Count(log.String(), `"level":"error"`); n != 1 || !strings.Contains(log.String(), `"day":"`+(first+1).String()+`"`) {
		t.Errorf("logged:\n%s", &log)
	}
}
