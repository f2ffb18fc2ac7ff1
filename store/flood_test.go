package store

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// honestReport is what a cluster sends of which the version and a kind are its own, and
// the other kinds known or everybody's.
func honestReport(i int, at time.Time) rollup.Report {
	return report(fmt.Sprintf("honest-%d", i), at,
		`cozy_cluster_info{v="1.2"}`, rollup.Series(fmt.Sprintf(`cozy_nodes_count{kernel="6.%d"}`, i%3)),
		`cozy_application_count{kind="Postgres"}`, `cozy_application_count{kind="Ours"}`,
		rollup.Series(fmt.Sprintf(`cozy_application_count{kind="Own%d"}`, i)))
}

// Made-up ids send series without end in the first moments of a month, and some of them
// have done so in the month before. What confirmed clusters had then, and known kinds,
// still find room, to the digit, also beside an attacker who was confirmed.
func TestA5KeptSeriesFindRoom(t *testing.T) {
	const honest, days = 20, 3
	s := open(t, Options{
		Dictionary: 400, Lasting: []string{rollup.MetricInfo, rollup.MetricNodes},
		Known: []rollup.Series{`cozy_application_count{kind="Redis"}`}, ConfirmDays: days,
	})
	before := march.AddDate(0, -1, 0)
	for d := range days {
		at := before.AddDate(0, 0, d)
		for i := range honest {
			must(t, s.Record(t.Context(), honestReport(i, at), nil))
		}
		must(t, s.Record(t.Context(), flood("confirmed-attacker", at, 150), nil))
	}
	once := report("seen-once", before, `cozy_application_count{kind="Once"}`)
	must(t, s.Record(t.Context(), once, nil))
	month := rollup.MonthOf(before)
	must(t, s.CloseDays(t.Context(), month, month.Last()))

	for i := range 200 {
		r := report(fmt.Sprintf("attacker-%d", i), march)
		for k := range 50 {
			r.Samples = append(r.Samples, rollup.Sample{Series: rollup.Series(fmt.Sprintf(`cozy_application_count{kind="Z%d-%d"}`, i, k)), Value: 1})
		}
		must(t, s.Record(t.Context(), r, nil))
	}
	must(t, s.Record(t.Context(), flood("confirmed-attacker", march, 150), nil))
	date := rollup.DateOf(march)
	for i := range honest {
		r := honestReport(i, march)
		must(t, s.Record(t.Context(), r, nil))
		if got, want := dayOf(t, s, r.Instance, date), rollup.FromReport(r); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: kept is %+v, want %+v", r.Instance, got, want)
		}
	}
	newcomer := report("new", march, `cozy_cluster_info{v="1.2"}`, `cozy_nodes_count{kernel="6.1"}`, `cozy_application_count{kind="Redis"}`)
	must(t, s.Record(t.Context(), newcomer, nil))
	if got, want := dayOf(t, s, "new", date), rollup.FromReport(newcomer); !reflect.DeepEqual(got, want) {
		t.Errorf("of a new cluster is kept %+v, want %+v", got, want)
	}
	once.Received = march
	must(t, s.Record(t.Context(), once, nil))
	if got := dayOf(t, s, "seen-once", date); len(got.Points) != 0 {
		t.Errorf("of who was seen once is kept %+v", got)
	}
	// A fold of the days has room for what the days have.
	now := folded(t, s, "cozystack", rollup.MonthOf(march), rollup.MonthOf(march), nil)
	must(t, s.CloseDays(t.Context(), rollup.MonthOf(march), date))
	compareFolds(t, folded(t, s, "cozystack", rollup.MonthOf(march), rollup.MonthOf(march), nil), now)
}

// What an excluded cluster had in the month before is not kept.
func TestExcludedKeepNoSeries(t *testing.T) {
	s := open(t, Options{Dictionary: 80, ConfirmDays: 1})
	before := march.AddDate(0, -1, 0)
	for _, name := range []string{"honest", "made-up"} {
		must(t, s.Record(t.Context(), report(name, before, rollup.Series(`cozy_application_count{kind="`+name+`"}`)), nil))
	}
	month := rollup.MonthOf(before)
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	if _, err := s.Exclude(t.Context(), []rollup.Exclusion{{Product: rollup.Cozystack, Instance: "made-up", At: march, Reason: "a flood"}}); err != nil {
		t.Fatal(err)
	}
	must(t, s.Record(t.Context(), flood("attacker", march, 100), nil))
	for _, name := range []string{"honest", "made-up"} {
		must(t, s.Record(t.Context(), report("late", march, rollup.Series(`cozy_application_count{kind="`+name+`"}`)), nil))
	}
	if got := dayOf(t, s, "late", rollup.DateOf(march)); len(got.Points) != 1 || got.Points[0].Series != `cozy_application_count{kind="honest"}` {
		t.Errorf("kept is %+v", got)
	}
}

// Who is excluded once a dictionary has come to its last part has no room there either.
func TestExcludedLaterKeepNoSeries(t *testing.T) {
	s := open(t, Options{Dictionary: 80, ConfirmDays: 1})
	before := march.AddDate(0, -1, 0)
	for _, name := range []string{"honest", "made-up"} {
		must(t, s.Record(t.Context(), report(name, before, rollup.Series(`cozy_application_count{kind="`+name+`"}`)), nil))
	}
	month := rollup.MonthOf(before)
	must(t, s.CloseDays(t.Context(), month, month.Last()))
	must(t, s.Record(t.Context(), flood("attacker", march, 100), nil))
	exclude(t, s, "made-up")
	for _, name := range []string{"honest", "made-up"} {
		must(t, s.Record(t.Context(), report("late", march, rollup.Series(`cozy_application_count{kind="`+name+`"}`)), nil))
	}
	if got := dayOf(t, s, "late", rollup.DateOf(march)); len(got.Points) != 1 || got.Points[0].Series != `cozy_application_count{kind="honest"}` {
		t.Errorf("kept is %+v", got)
	}
}
