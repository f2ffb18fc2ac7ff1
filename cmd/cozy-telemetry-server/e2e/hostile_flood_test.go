package e2e

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Made-up ids fill a month's dictionary before any honest cluster has reported. What
// these had in the month before, and the kinds that are known, are kept to the digit.
func TestA5SeriesWithoutEnd(t *testing.T) {
	t.Parallel()
	const honest, attackers = 20, 200
	dir := t.TempDir()
	path := filepath.Join(dir, "telemetry.db")
	series := []rollup.Series{
		`cozy_application_count{kind="HouseMade"}`, `cozy_application_count{kind="Postgres"}`,
		`cozy_cluster_info{cozystack_version="v1.9.9"}`, `cozy_nodes_count{kernel="6.18.1-talos"}`, `cozy_pvs_count{size="5Gi"}`,
	}
	fillMonthBefore(t, path, honest, series)
	p := startServer(t, dir)
	begin := time.Now()
	for i := range attackers {
		p.post(t, fmt.Sprintf("attacker-%d", i), madeUp(i, 5000))
	}
	t.Logf("%d ids with 5000 series each in %v", attackers, time.Since(begin))
	var body strings.Builder
	for i, s := range series {
		fmt.Fprintf(&body, "%s %d\n", s, i+1)
	}
	for i := range honest {
		p.post(t, fmt.Sprintf("honest-%d", i), body.String())
	}
	p.post(t, "newcomer", "cozy_cluster_info{cozystack_version=\"v1.9.9\"} 1\ncozy_application_count{kind=\"Kubernetes\"} 4\ncozy_application_count{kind=\"Unheard\"} 4\n")
	got := p.overview(t, thisMonth())
	if got.Apps["postgres"] != 2*honest || got.Apps["HouseMade"] != honest || got.Apps["kubernetes"] != 4 || got.TotalNodes != 4*honest || got.Clusters != honest+1 {
		t.Errorf("the overview shows %+v", got)
	}
	if p.metric(t, "series_left_out_total") == 0 {
		t.Error("the dictionary was never full")
	}
	p.stop(t, syscall.SIGTERM)
	days := daysOf(t, path, rollup.DateOf(begin))
	for i := range honest {
		if d := days[fmt.Sprintf("honest-%d", i)]; !slices.Equal(namesIn(d), series) || d.Points[4].Peak != 5 {
			t.Errorf("honest-%d: kept is %+v", i, d)
		}
	}
	if want := []rollup.Series{`cozy_application_count{kind="Kubernetes"}`, `cozy_cluster_info{cozystack_version="v1.9.9"}`}; !slices.Equal(namesIn(days["newcomer"]), want) {
		t.Errorf("of the newcomer is kept %+v", days["newcomer"])
	}
}

// madeUp is a report of series that nobody else has.
func madeUp(id, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "cozy_made_up{x=\"%d-%d\"} 1\n", id, i)
	}
	return b.String()
}

// fillMonthBefore makes a file in which clusters have reported on seven days of the month
// before, which is closed.
func fillMonthBefore(t *testing.T, path string, clusters int, series []rollup.Series) {
	t.Helper()
	s := openStore(t, path)
	month := thisMonth() - 1
	for d := range 7 {
		for i := range clusters {
			r := rollup.Report{Product: rollup.Cozystack, Instance: fmt.Sprintf("honest-%d", i), Received: month.Start().AddDate(0, 0, d)}
			for _, name := range series {
				r.Samples = append(r.Samples, rollup.Sample{Series: name, Value: 1})
			}
			if err := s.Record(t.Context(), r, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := errors.Join(s.CloseDays(t.Context(), month, month.Last()), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// daysOf reads the records of a day, by instance.
func daysOf(t *testing.T, path string, date rollup.Date) map[string]rollup.Day {
	t.Helper()
	s, err := store.OpenReadOnly(path)
	if err != nil {
		t.Fatal(err)
	}
	days := make(map[string]rollup.Day)
	err = s.Instances(t.Context(), date, func(_, instance string, d rollup.Day) error {
		days[instance] = d
		return nil
	})
	if err = errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return days
}

func namesIn(d rollup.Day) (series []rollup.Series) {
	for _, p := range d.Points {
		series = append(series, p.Series)
	}
	return series
}
