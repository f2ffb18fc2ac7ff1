package anomalies

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/overview/anomaly"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The facts of a file are those of a world in memory, folded days or not, so what is
// tried on worlds holds for files.
func TestFactsOfAFile(t *testing.T) {
	w := newWorld()
	s, err := store.Open(filepath.Join(t.TempDir(), "t.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const days = 75
	f := fleet.New(fleet.Config{Seed: 31, Clusters: 60, Steps: days, UpgradeShare: 0.5, BirthShare: 0.5, DeathShare: 0.3})
	last := begin + days - 1
	for day := range days {
		date := begin + rollup.Date(day)
		w.live(t, f, date, day)
		for i := range 15 {
			w.report(t, string(rune('a'+i)), date, made(50, 2, 5))
		}
		var all []rollup.InstanceDay
		for id, d := range w.days[date] {
			all = append(all, rollup.InstanceDay{Instance: id, Day: d})
		}
		if err := s.MergeDays(t.Context(), rollup.Cozystack, date, all); err != nil {
			t.Fatal(err)
		}
	}
	compare := func(when string) {
		t.Helper()
		got, err := anomaly.Gather(t.Context(), s, last+1)
		if err != nil {
			t.Fatal(err)
		}
		want, err := anomaly.Gather(t.Context(), w, last+1)
		if err != nil {
			t.Fatal(err)
		}
		if got.Today != last || len(got.Usual) != 4 || len(got.Days[0].Groups) != 1 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the file has\n%+v\nthe world\n%+v", when, got, want)
		}
	}
	compare("open")
	if err := s.CloseDays(t.Context(), begin.Month(), begin.Month().Last()); err != nil {
		t.Fatal(err)
	}
	compare("folded")
	c := f.Cluster(7)
	w.excluded = []string{"a", c.ID()}
	var excluded []rollup.Exclusion
	for _, id := range w.excluded {
		excluded = append(excluded, rollup.Exclusion{Product: rollup.Cozystack, Instance: id})
	}
	if _, err := s.Exclude(t.Context(), excluded); err != nil {
		t.Fatal(err)
	}
	compare("excluded")
}
