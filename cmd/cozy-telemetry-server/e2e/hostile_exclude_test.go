package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/exclude"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// floodOf is how many made-up clusters these tests have.
const floodOf = 1000

func strangerID(i int) string { return fmt.Sprintf("deadbeef-0000-4000-8000-%012d", i) }

// aStrangersReport has ten thousand nodes and a hundred thousand databases.
const aStrangersReport = "cozy_cluster_info{version=\"v1.2.0\"} 1\ncozy_nodes_count{kernel=\"6.6\"} 10000\n" +
	"cozy_application_count{kind=\"Postgres\"} 100000\ncozy_application_count{kind=\"Tenant\"} 10000\n"

// floodedFile has the last two months of a small fleet, of which the truth is known, and
// in the last of them a flood, since its tenth day.
func floodedFile(t *testing.T) (db string, truth map[rollup.MonthID]load.Month) {
	t.Helper()
	db, truth = fleetFile(t)
	s := openStore(t, db)
	var days []rollup.InstanceDay
	date := (thisMonth() - 1).First() + 9
	for i := range floodOf {
		days = append(days, rollup.InstanceDay{Instance: strangerID(i), Day: rollup.FromReport(rollup.Report{
			Product: rollup.Cozystack, Received: date.Start().Add(8 * time.Hour), Samples: []rollup.Sample{
				{Series: "cozy_cluster_info", Value: 1}, {Series: "cozy_nodes_count", Value: 10_000},
				{Series: `cozy_application_count{kind="Postgres"}`, Value: 100_000},
			},
		})})
	}
	if err := s.MergeDays(t.Context(), rollup.Cozystack, date, days); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return db, truth
}

// excluding asks a running server by the command, and returns what it says.
func excluding(t *testing.T, server *process, args ...string) (r exclude.Result) {
	t.Helper()
	text := succeed(t, append(args, "--json", "--admin-addr", strings.TrimPrefix(server.Admin, "http://"))...)
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return r
}

// The reports of a stranger, in a month that is final and in the running one, are undone
// while the server takes reports: the honest figures are those of before to the digit, in
// the answers, the file and the mirror, and after a kill. include brings all back.
func TestA2StrangersReportsAreUndone(t *testing.T) {
	t.Parallel()
	db, truth := floodedFile(t)
	dir, mirror, last := filepath.Dir(db), filepath.Join(t.TempDir(), "snapshots"), thisMonth()-1
	flags := []string{"--limits=off", "--snapshot-dir=" + mirror}
	server := startServer(t, dir, flags...)
	for i := range 3 {
		server.post(t, fmt.Sprintf("honest-%d", i), payload(t, "operator-v1.prom"))
	}
	var honest month // what the rollups have said may be a second old
	eventually(t, "all are shown", func() bool {
		honest = server.overview(t, thisMonth())
		return honest.Clusters == 3
	})
	for i := range floodOf {
		server.post(t, strangerID(i), aStrangersReport)
	}
	eventually(t, "the flood is shown", func() bool { return server.overview(t, thisMonth()).Clusters == 3+floodOf })
	eventually(t, "the final month has it", func() bool { return server.overview(t, last).Clusters == truth[last].Clusters+floodOf })
	flooded := map[rollup.MonthID]month{last: server.overview(t, last), thisMonth(): server.overview(t, thisMonth())}
	finalBefore := finalSnapshot(t, server, mirror, last)

	// All the time an honest cluster goes on.
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				if status, err := server.tryPost("honest-0", "cozy_cluster_info 1\n"); err != nil || status != http.StatusOK {
					stopped <- fmt.Errorf("an honest report: %d, %w", status, err)
					return
				}
			}
		}
	}()
	dry := excluding(t, server, "exclude", "--min-nodes", "10000", "--max-days", "2")
	if dry.Applied || dry.Count != floodOf || len(dry.Months) != 2 || !reflect.DeepEqual(server.overview(t, last), flooded[last]) {
		t.Errorf("a dry run: %d clusters, %+v", dry.Count, dry.Months)
	}
	begin := time.Now()
	did := excluding(t, server, "exclude", "--min-nodes", "10000", "--max-days", "2", "--reason", "a flood", "--apply")
	t.Logf("%d clusters were excluded, and %d months counted again, in %v", did.Count, len(did.Months), time.Since(begin))
	if !did.Applied || did.Excluded != floodOf || !reflect.DeepEqual(did.Months, dry.Months) {
		t.Errorf("done: %+v\nforetold: %+v", did.Months, dry.Months)
	}
	checkTruths(t, server, last, truth)
	server.shows(t, honest)
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if s := finalSnapshot(t, server, mirror, last); s.Clusters != truth[last].Clusters || s.TotalNodes != truth[last].TotalNodes {
		t.Errorf("the mirror has %+v", s)
	}

	server.stop(t, syscall.SIGKILL)
	server = startServer(t, dir, flags...)
	checkTruths(t, server, last, truth)
	server.shows(t, honest)
	server.stop(t, syscall.SIGTERM)
	succeed(t, "verify", "--db", db, "--snapshot-dir", mirror)
	restored := filepath.Join(t.TempDir(), "restored.db")
	succeed(t, "restore", "--snapshot-dir", mirror, "-o", restored)
	succeed(t, "verify", "--db", restored, "--snapshot-dir", mirror)
	if text := succeed(t, "exclude", "--list", "--db", restored); !strings.Contains(text, fmt.Sprintf("%d clusters excluded", floodOf)) {
		t.Errorf("the restored file: %.200s", text)
	}
	if text := succeed(t, "inspect", "--db", db); !strings.Contains(text, fmt.Sprintf("%d, which the figures leave out", floodOf)) {
		t.Errorf("inspect says %s", text)
	}

	server = startServer(t, dir, flags...)
	if did := excluding(t, server, "include", "--all", "--apply"); did.Count != floodOf || did.Excluded != 0 {
		t.Errorf("included: %d, %d are left", did.Count, did.Excluded)
	}
	for id, want := range flooded {
		eventually(t, id.String()+" is as before", func() bool { return reflect.DeepEqual(server.overview(t, id), want) })
	}
	if s := finalSnapshot(t, server, mirror, last); s.Clusters != finalBefore.Clusters || s.TotalNodes != finalBefore.TotalNodes {
		t.Errorf("the mirror has %+v, before %+v", s, finalBefore)
	}
}

func checkTruths(t *testing.T, server *process, last rollup.MonthID, truth map[rollup.MonthID]load.Month) {
	t.Helper()
	for id := last - 1; id <= last; id++ {
		got := server.overview(t, id)
		if got.Clusters != truth[id].Clusters || got.TotalNodes != truth[id].TotalNodes || got.TotalTenants != truth[id].TotalTenants {
			t.Errorf("%s: %v, in truth %+v", id, got, truth[id])
		}
	}
}

// finalSnapshot waits for a month to be final in the mirror.
func finalSnapshot(t *testing.T, server *process, mirror string, id rollup.MonthID) (s rollup.Snapshot) {
	t.Helper()
	eventually(t, id.String()+" is final", func() bool {
		b, err := os.ReadFile(filepath.Join(mirror, id.String()+".json"))
		return err == nil && json.Unmarshal(b, &s) == nil && s.Final
	})
	return s
}

// A server that was killed after it had excluded clusters, and before it counted again,
// counts at its next start: by itself, or at once for who asks.
func TestA2ExcludedButNotCountedAgain(t *testing.T) {
	t.Parallel()
	for name, await := range map[string]func(t *testing.T, server *process){
		"by itself": func(t *testing.T, server *process) {
			eventually(t, "it is counted again", func() bool { return strings.Contains(server.logged(t), "a month was counted again") })
		},
		"asked for": func(*testing.T, *process) {},
	} {
		t.Run(name, func(t *testing.T) {
			db, truth := floodedFile(t)
			dir, last := filepath.Dir(db), thisMonth()-1
			server := startServer(t, dir)
			eventually(t, "the month is final", func() bool { return server.overview(t, last).Clusters == truth[last].Clusters+floodOf })
			server.stop(t, syscall.SIGTERM)
			excludeTheFlood(t, db)
			if !isStale(t, db, last) {
				t.Fatal("the month is not counted under the earlier exclusions")
			}
			server = startServer(t, dir)
			await(t, server)
			checkTruths(t, server, last, truth)
			server.stop(t, syscall.SIGTERM)
			if isStale(t, db, last) {
				t.Error("the month was not stored as it was counted")
			}
			succeed(t, "verify", "--db", db)
		})
	}
}

// excludeTheFlood excludes clusters in a file without counting any month again.
func excludeTheFlood(t *testing.T, db string) {
	t.Helper()
	s := openStore(t, db)
	var all []rollup.Exclusion
	for i := range floodOf {
		all = append(all, rollup.Exclusion{Product: rollup.Cozystack, Instance: strangerID(i), At: time.Now()})
	}
	if _, err := s.Exclude(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// isStale tells whether a month in a file was counted under other exclusions.
func isStale(t *testing.T, db string, month rollup.MonthID) bool {
	t.Helper()
	s := openStore(t, db)
	defer s.Close()
	snap, ok, err := s.Snapshot(month)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	return s.Exclusions(rollup.Cozystack).Stale(snap)
}

// What VictoriaMetrics was sent of a stranger is in no figure either: it is told whom to
// leave out, and where these are too many, the rollups answer.
func TestA2VictoriaMetricsLeavesThemOut(t *testing.T) {
	t.Parallel()
	v := startVictoria(t, t.TempDir(), "")
	server := startServer(t, t.TempDir(), "--limits=off", "--current-ttl=0",
		"--forward-url="+v.URL+importPath, "--vmselect-url="+v.URL)
	forwarded := func() {
		t.Helper()
		eventually(t, "all samples are forwarded", func() bool { return server.metric(t, "queue_blocks") == 0 })
		if err := v.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 3 {
		server.post(t, fmt.Sprintf("honest-%d", i), payload(t, "operator-v1.prom"))
	}
	forwarded()
	var honest month
	eventually(t, "vmselect answers", func() bool {
		honest = server.overview(t, thisMonth())
		return honest.Clusters == 3 && honest.Source == rollup.SourceVictoriaMetrics
	})
	for i := range floodOf {
		server.post(t, strangerID(i), aStrangersReport)
	}
	forwarded()
	eventually(t, "the flood is shown", func() bool {
		got := server.overview(t, thisMonth())
		return got.Clusters == 3+floodOf && got.Source == rollup.SourceVictoriaMetrics
	})
	flooded := server.overview(t, thisMonth())

	var some []string
	for i := range 100 {
		some = append(some, strangerID(i))
	}
	excluding(t, server, append([]string{"exclude", "--apply"}, some...)...)
	part := flooded
	part.Clusters, part.TotalNodes, part.TotalTenants = flooded.Clusters-100, flooded.TotalNodes-100*10_000, flooded.TotalTenants-100*10_000
	part.Apps = map[string]int64{}
	for app, n := range flooded.Apps {
		part.Apps[app] = n
	}
	part.Apps["postgres"] -= 100 * 100_000
	if _, ok := part.Apps["tenant"]; ok {
		part.Apps["tenant"] = part.TotalTenants
	}
	server.shows(t, part)

	excluding(t, server, "exclude", "--like", strangerID(500), "--apply")
	byRollups := honest
	byRollups.Source = rollup.SourceRollups
	server.shows(t, byRollups)

	excluding(t, server, "include", "--all", "--apply")
	server.shows(t, flooded)
}
