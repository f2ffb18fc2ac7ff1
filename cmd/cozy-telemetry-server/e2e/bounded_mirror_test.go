package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A server with less room for its mirror leaves the oldest days out, loudly; verify takes
// that for no damage, and restore says what it can't give back. With the room, they come
// back.
func TestMirrorWithLessRoom(t *testing.T) {
	t.Parallel()
	const clusters, days, fit = 50, 8, 3
	dir := t.TempDir()
	db, folder := filepath.Join(dir, "telemetry.db"), filepath.Join(dir, "snapshots")
	fillDays(t, db, clusters, days)
	run := func(bound int64) (files []string, log string) {
		server := startServer(t, dir, "--snapshot-dir="+folder, "--mirror-every=1h", fmt.Sprintf("--mirror-max-bytes=%d", bound))
		eventually(t, "the mirror is in step", func() bool { return server.metric(t, `mirror_syncs_total{outcome="done"}`) > 0 })
		files, err := filepath.Glob(filepath.Join(folder, "rollups", "*.jsonl*"))
		if err != nil {
			t.Fatal(err)
		}
		if left := server.metric(t, "mirror_left_out_days"); left != days-len(files) {
			t.Errorf("the metric says that %d days are left out", left)
		}
		server.stop(t, syscall.SIGTERM)
		return files, server.logged(t)
	}
	all, _ := run(0)
	if len(all) != days {
		t.Fatalf("%q", all)
	}
	var bound int64
	for _, file := range all[days-fit:] {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		bound += info.Size()
	}
	files, log := run(bound)
	through := rollup.DateOf(time.Now()) - fit
	if !slices.Equal(files, all[days-fit:]) || strings.Count(log, "the oldest days are left out") != 1 || !strings.Contains(log, `"through":"`+through.String()+`"`) {
		t.Errorf("there are %q, log:\n%s", files, log)
	}
	if text := succeed(t, "verify", "--db", db, "--snapshot-dir", folder); !strings.Contains(text, "the mirror has left out the oldest 5 days") || !strings.Contains(text, "ok: the mirror has 3 days") {
		t.Errorf("verify says %s", text)
	}
	r := command(t, "restore", "--snapshot-dir", folder, "-o", filepath.Join(t.TempDir(), "restored.db"))
	if r.code != 0 || !strings.Contains(r.errs, "the mirror has no days up to "+through.String()) || !strings.Contains(r.out, fmt.Sprintf("%d day records", fit*clusters)) {
		t.Errorf("restore says %+v", r)
	}
	if files, _ := run(0); !slices.Equal(files, all) {
		t.Errorf("with room there are %q", files)
	}
}
