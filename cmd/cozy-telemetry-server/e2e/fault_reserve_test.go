package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The volume gets short: mirror and backups wait while reports go on, and go on by
// themselves once there is room.
func TestReserveOfTheVolume(t *testing.T) {
	const reserve = 64 << 20
	dir := t.TempDir()
	server := launch(t, inNamespace(dir, `mount -t tmpfs -o size=160m tmpfs "$DIR"`, serverFlags(dir,
		"--limits=off", "--snapshot-dir="+filepath.Join(dir, "snapshots"), "--mirror-every=1s",
		"--backup-dir="+filepath.Join(dir, "backups"), "--backup-every=1s", "--backup-keep=1",
		fmt.Sprintf("--min-free-bytes=%d", reserve))...))
	if err := server.await(); err != nil {
		t.Fatalf("%v:\n%s", err, server.logged(t))
	}
	inside := filepath.Join("/proc", fmt.Sprint(server.cmd.Process.Pid), "root", dir)
	mirrored := func(cluster string) bool {
		files, err := filepath.Glob(filepath.Join(inside, "snapshots/rollups/*.jsonl"))
		if err != nil || len(files) == 0 {
			return false
		}
		text, err := os.ReadFile(files[len(files)-1])
		return err == nil && strings.Contains(string(text), cluster)
	}
	moves := func(metric string) {
		t.Helper()
		before := server.metric(t, metric)
		eventually(t, metric, func() bool { return server.metric(t, metric) > before })
	}
	server.post(t, "cluster-before", payload(t, "operator-v1.prom"))
	eventually(t, "the mirror is in step", func() bool { return mirrored("cluster-before") })
	moves(`backups_total{outcome="done"}`)

	filler := filepath.Join(inside, "filler")
	free := server.metric(t, `volume_free_bytes{of="database"}`)
	if err := os.WriteFile(filler, make([]byte, free-reserve/2), 0o600); err != nil {
		t.Fatal(err)
	}
	server.post(t, "cluster-meanwhile", payload(t, "operator-v1.prom"))
	moves(`mirror_syncs_total{outcome="failed"}`)
	moves(`backups_total{outcome="failed"}`)
	if got := statusOf(server.Admin + "/backup"); got != http.StatusServiceUnavailable {
		t.Errorf("a backup is answered with %d", got)
	}
	if got := statusOf(server.Public + "/readyz"); got != http.StatusOK || mirrored("cluster-meanwhile") {
		t.Errorf("ready: %d", got)
	}
	if log := server.logged(t); strings.Count(log, "--min-free-bytes") < 2 {
		t.Errorf("the log does not name the flag:\n%s", log)
	}
	for _, of := range []string{"database", "mirror", "backups"} {
		if free, kept := server.metric(t, fmt.Sprintf("volume_free_bytes{of=%q}", of)), server.metric(t, "volume_reserve_bytes"); free <= 0 || free >= kept {
			t.Errorf("%s: %d bytes are free, %d are kept", of, free, kept)
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	moves(`backups_total{outcome="done"}`)
	eventually(t, "the mirror goes on", func() bool { return mirrored("cluster-meanwhile") })
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
