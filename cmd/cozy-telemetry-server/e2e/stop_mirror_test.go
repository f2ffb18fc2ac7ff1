package e2e

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A server is stopped within a long turn of its mirror. It is gone in time, what it has
// written is whole and begins with the newest day, it says how much is missing, and the
// next one goes on.
func TestStopWithinALongTurn(t *testing.T) {
	const clusters, days = 2000 / raceRepeats, 45
	dir := t.TempDir()
	db, folder := filepath.Join(dir, "telemetry.db"), filepath.Join(dir, "snapshots")
	fillDays(t, db, clusters, days)
	written := func() []string {
		files, err := filepath.Glob(filepath.Join(folder, "rollups", "*.jsonl*"))
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(files)
		return files
	}
	server := startServer(t, dir, "--snapshot-dir="+folder, "--mirror-every=1h")
	eventually(t, "some days are written", func() bool { return len(written()) >= 3 })
	begin := time.Now()
	code := server.stop(t, syscall.SIGTERM)
	took, files, log := time.Since(begin), written(), server.logged(t)
	t.Logf("stopped within %v, with %d of %d days", took, len(files), days)
	if code != 0 || took > 10*time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
	if missing := days - len(files); missing <= 0 {
		t.Fatal("the turn was over: the test shows nothing")
	} else if !strings.Contains(log, fmt.Sprintf(`"days":%d,`, missing)) || !strings.Contains(log, "the mirror is behind") {
		t.Errorf("the log does not say that %d days are missing:\n%s", missing, log)
	}
	for i, file := range files {
		if day := rollup.DateOf(begin) - rollup.Date(i); !strings.HasPrefix(filepath.Base(file), day.String()) {
			t.Errorf("%s in the place of %s", file, day)
		}
	}
	// Each missing day is named, and no other.
	r := command(t, "verify", "--db", db, "--snapshot-dir", folder)
	if r.code != program.ExitFailure || strings.Count(r.out, "problem: mirror: ") != days-len(files) || strings.Count(r.out, "no such file") != days-len(files) {
		t.Errorf("verify says %+v", r)
	}
	startServer(t, dir, "--snapshot-dir="+folder, "--mirror-every=1h")
	for n := len(files); n < days; n = len(written()) {
		eventually(t, "the next one goes on", func() bool { return len(written()) > n })
	}
}

// fillDays makes a file in which clusters have reported on each of the last days.
func fillDays(t *testing.T, path string, clusters, days int) {
	t.Helper()
	s := openStore(t, path)
	now := time.Now()
	var all []rollup.InstanceDay // of every day: they are alike
	for i := range clusters {
		r := rollup.Report{Product: rollup.Cozystack, Instance: fmt.Sprintf("cluster-%04d", i), Received: now}
		for k := range 80 {
			r.Samples = append(r.Samples, rollup.Sample{Series: rollup.Series(fmt.Sprintf(`cozy_application_count{kind="Kind%02d"}`, k)), Value: float64(i + k)})
		}
		all = append(all, rollup.InstanceDay{Instance: r.Instance, Day: rollup.FromReport(r)})
	}
	for d := range days {
		if err := s.MergeDays(t.Context(), rollup.Cozystack, rollup.DateOf(now)-rollup.Date(d), all); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
