package anomalies

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/overview/anomaly"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// begin is the first day of every world.
var begin = rollup.NewMonth(2026, time.January).First()

// world is what a file has of some days, in memory: years are looked at day by day. The
// days and months are those of the domain, and a test holds it against a real file.
type world struct {
	months map[rollup.MonthID]map[string]rollup.Month
	days   map[rollup.Date]map[string]rollup.Day
	// excluded are left out.
	excluded []string
	parser   *ingest.Parser
	last     map[string]rendered
}

// rendered is what a cluster has sent, and its day: most repeat the one before.
type rendered struct {
	text []byte
	day  rollup.Day
}

func newWorld() *world {
	return &world{
		months: make(map[rollup.MonthID]map[string]rollup.Month), days: make(map[rollup.Date]map[string]rollup.Day),
		parser: ingest.NewParser(ingest.Limits{}, 1), last: make(map[string]rendered),
	}
}

func (w *world) FirstMonth(string) (first rollup.MonthID, ok bool, err error) {
	for id := range w.months {
		if !ok || id < first {
			first, ok = id, true
		}
	}
	return first, ok, nil
}

func (w *world) Fold(_ context.Context, product string, from, to rollup.MonthID, metrics []string, fn func(string, []rollup.Month) error) error {
	for instance, m := range w.months[from] {
		if slices.Contains(w.excluded, instance) {
			continue
		}
		unwanted := func(mm rollup.MetricMonth) bool { return !slices.Contains(metrics, mm.Metric) }
		if slices.ContainsFunc(m.Metrics, unwanted) {
			m.Metrics = slices.DeleteFunc(slices.Clone(m.Metrics), unwanted)
			m.Peaks = slices.DeleteFunc(slices.Clone(m.Peaks), func(p rollup.Peak) bool { return !slices.Contains(metrics, p.Series.Metric()) })
			w.months[from][instance] = m // nobody asks for others
		}
		if len(m.Metrics) == 0 {
			continue
		}
		if err := fn(instance, []rollup.Month{m}); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) InstancesOf(_ context.Context, _ string, date rollup.Date, fn func(string, rollup.Day) error) error {
	for instance, day := range w.days[date] {
		if err := fn(instance, day); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) Exclusions(string) rollup.Exclusions { return rollup.NewExclusions(w.excluded) }

// report records the texts of a cluster's reports.
func (w *world) report(t *testing.T, id string, date rollup.Date, texts ...[]byte) {
	t.Helper()
	all := bytes.Join(texts, nil)
	r, ok := w.last[id]
	if !ok || !bytes.Equal(r.text, all) {
		r = rendered{text: all}
		for _, text := range texts {
			samples, _, err := w.parser.Parse(nil, text)
			if err != nil {
				t.Fatal(err)
			}
			r.day = r.day.Merge(rollup.FromReport(rollup.Report{Received: date.Start(), Samples: samples}))
		}
		w.last[id] = r
	}
	w.merge(id, date, r.day)
}

func (w *world) merge(id string, date rollup.Date, day rollup.Day) {
	month := w.months[date.Month()]
	if month == nil {
		month = make(map[string]rollup.Month)
		w.months[date.Month()] = month
	}
	if w.days[date] == nil {
		w.days[date] = make(map[string]rollup.Day)
		delete(w.days, date-60) // nobody looks back so far
	}
	w.days[date][id] = w.days[date][id].Merge(day)
	month[id] = month[id].Merge(rollup.FromDay(date.DayOfMonth(), day))
}

// live records a day of a fleet, a step.
func (w *world) live(t *testing.T, f *fleet.Fleet, date rollup.Date, step int) {
	t.Helper()
	var texts [fleet.Clients][]byte
	for i := range f.Len() {
		c := f.Cluster(i)
		var sent [][]byte
		for client := range fleet.Clients {
			if c.Sends(client, step) {
				texts[client] = c.Report(texts[client][:0], client, step)
				sent = append(sent, texts[client])
			}
		}
		if len(sent) > 0 {
			w.report(t, c.ID(), date, sent...)
		}
	}
}

// copy returns a world with the same past that goes its own way.
func (w *world) copy() *world {
	c := *w
	c.months, c.days, c.last = make(map[rollup.MonthID]map[string]rollup.Month), make(map[rollup.Date]map[string]rollup.Day), maps.Clone(w.last)
	for id, month := range w.months {
		c.months[id] = maps.Clone(month)
	}
	for date, day := range w.days {
		c.days[date] = maps.Clone(day)
	}
	return &c
}

// look looks at the end of a day.
func (w *world) look(t *testing.T, date rollup.Date) []anomaly.Finding {
	t.Helper()
	l, err := look(t.Context(), w, anomaly.Traffic{}, date.Start().Add(24*time.Hour-time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return l.Findings
}

// quiet fails the test if there is any finding.
func (w *world) quiet(t *testing.T, date rollup.Date) {
	t.Helper()
	for _, f := range w.look(t, date) {
		t.Errorf("on %s: %s %s: %s (%s)", date, f.Kind, f.When, f.What, f.Next)
	}
}

// kinds are the kinds of some findings, once each.
func kinds(findings []anomaly.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, string(f.Kind))
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}
