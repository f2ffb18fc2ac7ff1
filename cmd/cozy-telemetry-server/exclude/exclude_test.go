package exclude

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/private"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var now = time.Date(2026, 5, 2, 12, 0, 0, 0, time.UTC)

// fleet records who a test chooses from:
//
//	honest   since 1 February, each day of two months, 3 nodes
//	young    5 March, hour 9, one day, 3 nodes, with a series of its own
//	flood-a  5 March, hour 10, one day, 9000 nodes
//	flood-b  5 March, hour 14, two days, 9000 nodes
func fleet(t *testing.T, s *store.Store) {
	t.Helper()
	record := func(id string, at time.Time, nodes float64, more ...rollup.Sample) {
		r := rollup.Report{Product: rollup.Cozystack, Instance: id, Received: at, Samples: append([]rollup.Sample{
			{Series: rollup.MetricInfo, Value: 1}, {Series: rollup.MetricNodes, Value: nodes},
		}, more...)}
		if err := s.Record(t.Context(), r, nil); err != nil {
			t.Fatal(err)
		}
	}
	for day := range 59 {
		record("honest", time.Date(2026, 2, 1+day, 7, 0, 0, 0, time.UTC), 3, rollup.Sample{Series: rollup.MetricTenants, Value: 2})
	}
	fifth := func(hour int) time.Time { return time.Date(2026, 3, 5, hour, 30, 0, 0, time.UTC) }
	record("young", fifth(9), 3, rollup.Sample{Series: `cozy_application_count{kind="Redis"}`, Value: 1})
	record("flood-a", fifth(10), 9000)
	record("flood-b", fifth(14), 9000)
	record("flood-b", fifth(38), 9000)
}

func newExcluder(t *testing.T, s *store.Store) *Excluder {
	t.Helper()
	clock := func() time.Time { return now }
	o, err := overview.New(s, appsource.New(appsource.Config{Now: clock, Store: s}), overview.Config{Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return &Excluder{Store: s, Overview: o, Now: clock}
}

func open(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func ids(clusters []Cluster) (all []string) {
	for _, c := range clusters {
		all = append(all, c.ID)
	}
	return all
}

// What clusters have in common tells them, and all that is said must be so.
func TestChoose(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	fleet(t, s)
	if err := s.CloseDays(t.Context(), rollup.MonthOf(now)-2, rollup.DateOf(now)); err != nil {
		t.Fatal(err)
	}
	e := newExcluder(t, s)
	for name, tc := range map[string]struct {
		r    Request
		want []string
	}{
		"by name":              {Request{Clusters: []string{"young", "nobody", "young"}}, []string{"nobody", "young"}},
		"since a day":          {Request{FirstSeenFrom: "2026-03-05"}, []string{"flood-a", "flood-b", "young"}},
		"since an hour":        {Request{FirstSeenFrom: "2026-03-05T10"}, []string{"flood-a", "flood-b"}},
		"until an hour":        {Request{FirstSeenFrom: "2026-03-01", FirstSeenTo: "2026-03-05T13"}, []string{"flood-a", "young"}},
		"in one hour":          {Request{FirstSeenFrom: "2026-03-05T14", FirstSeenTo: "2026-03-05T14"}, []string{"flood-b"}},
		"until a day":          {Request{FirstSeenTo: "2026-03-04"}, []string{"honest"}},
		"days":                 {Request{MaxDays: 1}, []string{"flood-a", "young"}},
		"nodes":                {Request{MinNodes: 9000}, []string{"flood-a", "flood-b"}},
		"the same series":      {Request{Like: "flood-b"}, []string{"flood-a", "flood-b"}},
		"several things":       {Request{Like: "flood-b", MaxDays: 1}, []string{"flood-a"}},
		"of the named":         {Request{Clusters: []string{"young", "flood-b", "nobody"}, MinNodes: 100}, []string{"flood-b"}},
		"nobody has all of it": {Request{MinNodes: 10_000}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := e.choose(t.Context(), tc.r, false)
			if err != nil || !slices.Equal(ids(got), tc.want) {
				t.Errorf("got %v, want %v: %v", ids(got), tc.want, err)
			}
		})
	}
}

func TestRequestsThatCannotBeMeant(t *testing.T) {
	for want, r := range map[string]Request{
		"name clusters":          {Reason: "x"},
		"not a day":              {FirstSeenFrom: "yesterday"},
		"is before":              {FirstSeenFrom: "2026-03-05", FirstSeenTo: "2026-03-04"},
		"not a cluster's id":     {Clusters: []string{"a b"}},
		"negative":               {MaxDays: -1},
		"longer than 200":        {Clusters: []string{"a"}, Reason: strings.Repeat("x", 201)},
		"no report of somebody":  {Like: "somebody"},
		"2026-03-05T25\" is not": {FirstSeenTo: "2026-03-05T25"},
	} {
		s := open(t, filepath.Join(t.TempDir(), "a.db"))
		if _, err := newExcluder(t, s).run(t.Context(), r, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// Nothing changes without apply. What is foretold is what then is, and include brings
// all back.
func TestExcludeAndInclude(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	fleet(t, s)
	e := newExcluder(t, s)
	mirrored := 0
	e.Mirror = func() { mirrored++ }
	march := rollup.NewMonth(2026, time.March)
	if _, err := e.Overview.Answer(t.Context(), march, overview.Average, overview.Seen); err != nil {
		t.Fatal(err)
	}
	before, _, err := s.Snapshot(march)
	if err != nil || before.Clusters != 4 || !before.Final {
		t.Fatalf("%+v, %v", before, err)
	}
	run := func(r Request, include bool) Result {
		t.Helper()
		result, err := e.run(t.Context(), r, include)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	r := Request{MinNodes: 9000, Reason: "a flood"}
	want := []Month{{
		Month: march, Source: rollup.SourceRollups,
		Before: overview.Totals{Clusters: 4, Nodes: 18_006, Tenants: 2}, After: overview.Totals{Clusters: 2, Nodes: 6, Tenants: 2},
	}}
	dry := run(r, false)
	if dry.Applied || dry.Count != 2 || !reflect.DeepEqual(dry.Months, want) || s.Exclusions(rollup.Cozystack).Digest != "" || mirrored != 0 {
		t.Errorf("a dry run: %+v", dry)
	}
	r.Apply = true
	if did := run(r, false); !did.Applied || did.Excluded != 2 || !reflect.DeepEqual(did.Months, want) || mirrored != 1 {
		t.Errorf("done: %+v", did)
	}
	if s, _, err := s.Snapshot(march); err != nil || s.Clusters != 2 || s.TotalNodes != 6 || !s.Final {
		t.Errorf("stored is %+v, %v", s, err)
	}
	if again := run(r, false); again.Applied || again.Count != 0 {
		t.Errorf("again: %+v", again)
	}
	if dry := run(Request{Excluded: true}, true); dry.Count != 2 || dry.Excluded != 0 || dry.Months[0].After != want[0].Before {
		t.Errorf("to include: %+v", dry)
	}
	if did := run(Request{MaxDays: 1, Apply: true}, true); !slices.Equal(ids(did.Clusters), []string{"flood-a"}) || did.Excluded != 1 {
		t.Errorf("one is included: %+v", did)
	}
	run(Request{Excluded: true, Apply: true}, true)
	after, _, err := s.Snapshot(march)
	after.CollectedAt, after.CheckedAt = before.CollectedAt, before.CheckedAt
	if err != nil || !reflect.DeepEqual(after, before) {
		t.Errorf("in the end %+v\nwant %+v, %v", after, before, err)
	}
}

// Months that nothing can count again say so.
func TestMonthsThatStay(t *testing.T) {
	for source, note := range map[rollup.Source]string{rollup.SourceImported: noteImported, rollup.SourceVictoriaMetrics: noteKept} {
		s := open(t, filepath.Join(t.TempDir(), "a.db"))
		fleet(t, s)
		snap := rollup.Snapshot{
			Month: rollup.NewMonth(2026, time.March), Clusters: 100, TotalNodes: 1000, DaysWithData: 31, Source: source, Final: true,
			CollectedAt: now, CheckedAt: now, Asked: true,
		}
		if _, err := s.OfferSnapshot(t.Context(), snap); err != nil {
			t.Fatal(err)
		}
		did, err := newExcluder(t, s).run(t.Context(), Request{Clusters: []string{"flood-a"}, Apply: true}, false)
		if err != nil || len(did.Months) != 1 || did.Months[0].Note != note || did.Months[0].After.Clusters != 100 {
			t.Errorf("%s: %+v, %v", source, did, err)
		}
	}
}

// The private listener takes the same requests, and refuses others in words.
func TestHandler(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "a.db"))
	fleet(t, s)
	mux := http.NewServeMux()
	newExcluder(t, s).Register(mux, zerolog.Nop())
	server := httptest.NewServer(mux)
	defer server.Close()
	c := client{private.Client{Addr: strings.TrimPrefix(server.URL, "http://")}}
	result, err := c.post(t.Context(), "/exclude", Request{MinNodes: 9000, Reason: "a flood", Apply: true})
	if err != nil || !result.Applied || !slices.Equal(ids(result.Clusters), []string{"flood-a", "flood-b"}) {
		t.Errorf("%+v, %v", result, err)
	}
	if l, err := c.list(t.Context()); err != nil || len(l.Excluded) != 2 || l.Excluded[1].Reason != "a flood" || !l.Excluded[1].At.Equal(now) {
		t.Errorf("%+v, %v", l, err)
	}
	if result, err := c.post(t.Context(), "/include", Request{Clusters: []string{"flood-a"}, Apply: true}); err != nil || result.Excluded != 1 {
		t.Errorf("%+v, %v", result, err)
	}
	for body, want := range map[string]string{
		`{`:                   "the body is no request",
		`{"clusterz":[]}`:     "unknown field",
		`{}`:                  "name clusters",
		`{"like":"somebody"}`: "no report of somebody",
		`{"clusters":["a"],"x":"` + strings.Repeat("x", maxRequest): "too large",
	} {
		resp, err := http.Post(server.URL+"/exclude", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusBadRequest || !json.Valid(text) || !strings.Contains(string(text), want) {
			t.Errorf("%.30s: %d %s", body, resp.StatusCode, text)
		}
	}
	if _, err := c.post(t.Context(), "/elsewhere", Request{}); err == nil || !strings.Contains(err.Error(), "admin-addr") {
		t.Errorf("another server: %v", err)
	}
}

// The commands work on a file, which a dry run leaves as it is.
func TestCommandsOnAFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.db")
	s := open(t, path)
	fleet(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	names := filepath.Join(dir, "names")
	if err := os.WriteFile(names, []byte("# made up\nflood-a\n\n  flood-b # too\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		t.Helper()
		var out bytes.Buffer
		env := cli.Environment{Stdout: &out, Stderr: io.Discard, Now: func() time.Time { return now }}
		for _, cmd := range Commands(env) {
			if cmd.Name() != args[0] {
				continue
			}
			cmd.SetArgs(append([]string{"--db", path}, args[1:]...))
			cmd.SetOut(io.Discard)
			cmd.SetErr(io.Discard)
			if err := cmd.ExecuteContext(context.Background()); err != nil {
				return err.Error()
			}
		}
		return out.String()
	}
	content := func() string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	before := content()
	if text := run("exclude", "--cluster-file", names); !strings.Contains(text, "2 clusters to exclude, and nothing is changed yet") || !strings.Contains(text, "4 -> 2") {
		t.Errorf("a dry run: %s", text)
	}
	if text := run("exclude", "--list"); !strings.Contains(text, "0 clusters excluded") || content() != before {
		t.Errorf("the file has changed, or the list is not empty: %s", text)
	}
	if text := run("exclude", "--cluster-file", names, "--apply", "--reason", "a flood"); !strings.Contains(text, "the figures leave out 2 in all") {
		t.Errorf("done: %s", text)
	}
	if text := run("exclude", "--list"); !strings.Contains(text, "flood-b") || !strings.Contains(text, "a flood") {
		t.Errorf("the list: %s", text)
	}
	var l listing
	if text := run("exclude", "--list", "--json"); json.Unmarshal([]byte(text), &l) != nil || len(l.Excluded) != 2 {
		t.Errorf("the list as JSON: %s", text)
	}
	if text := run("include", "--all", "--apply"); !strings.Contains(text, "2 clusters included; the figures leave out 0 in all") {
		t.Errorf("included: %s", text)
	}
	if text := run("include", "--all"); !strings.Contains(text, "there is no cluster to include") {
		t.Errorf("included again: %s", text)
	}
	if text := run("exclude", "--apply", "--reason=x", "--", "-a", "b"); !strings.Contains(text, "2 clusters excluded") {
		t.Errorf("by their names: %s", text)
	}
	if text := run("exclude"); !strings.Contains(text, "name clusters") {
		t.Errorf("without anything: %s", text)
	}
}

// A terminal is not flooded.
func TestPrintIsBounded(t *testing.T) {
	var r Result
	for i := range 1000 {
		r.Clusters = append(r.Clusters, Cluster{ID: fmt.Sprintf("flood-%d", i)})
	}
	r.Count = len(r.Clusters)
	var out bytes.Buffer
	if err := r.print(&out, false); err != nil || strings.Count(out.String(), "\n") > 25 || !strings.Contains(out.String(), "and 980 more") {
		t.Errorf("%v: %s", err, out.String())
	}
}
