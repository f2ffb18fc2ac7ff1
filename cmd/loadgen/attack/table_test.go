package attack

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
)

func some(n int64) Figures {
	return Figures{n, 10 * n, 2 * n, map[string]int64{"postgres": n, "redis": 2 * n}}
}

func TestTablePrints(t *testing.T) {
	confirmed := some(2)
	honest := Moment{some(3), &confirmed}
	table := Table{Size: "small", Day: "2026-03-15", CPUs: 2, Rows: []Row{
		{
			Key: "crowd", What: "many", Before: honest, During: Moment{some(1003), &confirmed}, After: honest,
			Sent: Answers{Taken: 1000, Refused: 5}, Honest: Answers{Taken: 7, Slowest: 12 * time.Millisecond},
			NewReports: Answers{Taken: 4}, NewPerMinute: 60, came: some(2), Found: []string{"alike", "new_ids"},
			Undo: "exclude", Undone: 1000, Took: 420 * time.Millisecond, Forgot: 3 * time.Second,
			Database: 3 << 20, Mirror: 1 << 20, DatabaseDuring: 5 << 20, MirrorDuring: 2 << 20, Memory: 100 << 20,
		},
		{Key: "page", What: "web", Before: Moment{Seen: some(3)}, Broken: []string{"it was answered"}},
	}}
	var b strings.Builder
	if n, err := table.WriteTo(&b); err != nil || int(n) != b.Len() {
		t.Errorf("%d bytes, error %v", n, err)
	}
	for _, want := range []string{
		"size small, 2026-03-15, 2 CPUs", "crowd    many\n", "\nBROKEN: page: it was answered\n",
		"crowd during 1003 10030 2006 3009 2 20 4 6", "crowd after exclude 3 30 6 9 2 20 4 6", "page before 3 30 6 9 - - - -",
		"crowd 1000, 5 7, 0 12 ms 2 in, 60 a minute alike new_ids 1000 in 0.4 s, forgotten in 3.0 s 5.0 MiB, then 3.0 MiB 2.0 MiB, then 1.0 MiB 100.0 MiB",
		"page 0, 0 0, 0 0 ms - - 0.0 MiB 0.0 MiB 0.0 MiB",
	} {
		if text := b.String(); !strings.Contains(text, want) && !strings.Contains(strings.Join(strings.Fields(text), " "), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if n := table.Broken(); n != 1 {
		t.Errorf("%d promises are broken", n)
	}
}

// To the digit is each digit.
func TestFigures(t *testing.T) {
	if !some(3).equal(some(1).plus(some(2))) || !some(2).within(some(3)) || some(3).apps() != 9 {
		t.Error("sums are wrong")
	}
	for name, change := range map[string]func(*Figures){
		"clusters": func(f *Figures) { f.Clusters++ }, "nodes": func(f *Figures) { f.Nodes++ },
		"tenants": func(f *Figures) { f.Tenants++ }, "apps": func(f *Figures) { f.Apps["redis"]++ },
		"an application": func(f *Figures) { f.Apps["made-up"] = 1 },
	} {
		other := some(3)
		change(&other)
		if some(3).equal(other) || other.within(some(3)) || !some(3).within(other) {
			t.Errorf("%s are not compared", name)
		}
		same := some(3)
		if (Moment{some(3), &same}).equal(Moment{some(3), &other}) || (Moment{some(3), nil}).equal(Moment{some(3), &same}) {
			t.Errorf("confirmed %s are not compared", name)
		}
	}
}

// Two clusters each are behind one address, and no two networks are one.
func TestCrowd(t *testing.T) {
	c, clusters, froms := newCrowd(1, 100, 20), map[string]bool{}, map[string]map[string]bool{}
	for _, m := range c.messages {
		clusters[m.Cluster] = true
		if froms[m.From] == nil {
			froms[m.From] = map[string]bool{}
		}
		froms[m.From][m.Cluster] = true
	}
	if len(clusters) != 100 || len(froms) != 50 || c.figures.Clusters != 100 || c.figures.Nodes < 100 {
		t.Errorf("%d clusters of %d addresses, %+v", len(clusters), len(froms), c.figures)
	}
	for from, behind := range froms {
		if len(behind) != 2 {
			t.Errorf("%d are behind %s", len(behind), from)
		}
	}
}

func TestAnswers(t *testing.T) {
	var a Answers
	a.add(load.Result{Requests: 10, Codes: map[int]int{200: 6, 429: 3}, Errors: 1, Max: time.Second})
	a.add(load.Result{Requests: 1, Codes: map[int]int{200: 1}, Max: time.Millisecond})
	a.count(http.StatusAccepted)
	a.count(http.StatusForbidden)
	if want := (Answers{8, 5, time.Second}); a != want {
		t.Errorf("%+v, want %+v", a, want)
	}
}

func TestRunRefusesOptions(t *testing.T) {
	if _, err := Run(t.Context(), Options{Only: []string{"unheard"}, Now: time.Now}); !errors.Is(err, ErrOptions) {
		t.Errorf("error %v", err)
	}
	dir := t.TempDir()
	o := Options{Server: "/bin/false", Dir: dir, Size: Size{Clusters: 2, Newcomers: 2, Months: 1}, Only: []string{"page"}, Now: time.Now}
	if table, err := Run(t.Context(), o); err == nil || len(table.Rows) > 0 {
		t.Errorf("error %v, table %+v", err, table)
	}
}
