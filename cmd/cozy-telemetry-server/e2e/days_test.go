package e2e

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Days are those of UTC, whatever the zone of the process.
func TestDaysAreUTC(t *testing.T) {
	for _, zone := range []string{"Pacific/Kiritimati", "Etc/GMT+12", "UTC-14"} {
		t.Setenv("TZ", zone)
		dir := t.TempDir()
		before := rollup.DateOf(time.Now())
		p := startServer(t, dir, "--snapshot-dir="+filepath.Join(dir, "snapshots"))
		p.post(t, "some-cluster", "cozy_cluster_info 1\n")
		if code := p.stop(t, syscall.SIGTERM); code != 0 {
			t.Errorf("%s: exit code %d", zone, code)
		}
		after := rollup.DateOf(time.Now())
		s := openStore(t, filepath.Join(dir, "telemetry.db"))
		versions, err := s.DayVersions("cozystack")
		if err != nil || len(versions) != 1 || versions[before]+versions[after] == 0 {
			t.Errorf("%s: days %v, %v; want %s", zone, versions, err, before)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		files, err := filepath.Glob(filepath.Join(dir, "snapshots/rollups/*.jsonl"))
		if err != nil || len(files) != 1 {
			t.Errorf("%s: files %v, %v", zone, files, err)
		}
	}
}
