package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
)

// The server is killed while it writes its mirror, at its start and at its end.
// Each file is an old one or a new one, never half of one. Rubbish in the folder
// is left alone and warned of; what kills have left over is removed.
func TestF10KillWhileTheMirrorIsWritten(t *testing.T) {
	t.Parallel()
	const clusters = 20
	dir := t.TempDir()
	mirror := filepath.Join(dir, "snapshots")
	flags := []string{"--snapshot-dir=" + mirror, "--mirror-every=1h", "--limits=off"}
	report := func(p *process, value int) {
		for i := range clusters {
			body := fmt.Sprintf("cozy_cluster_info 1\ncozy_nodes_count %d\n", value)
			_, _ = p.tryPost(fmt.Sprintf("cluster-%d", i), body) // it may be killed meanwhile
		}
	}
	// Whatever is mirrored from here on has all clusters.
	first := startServer(t, dir, flags...)
	report(first, 1)
	first.stop(t, syscall.SIGTERM)
	for _, file := range []string{"notes.txt", "2026-13.json"} {
		if err := os.WriteFile(filepath.Join(mirror, file), []byte("rubbish"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kills, leftOvers, value := 0, 0, 1
	for _, call := range []string{"renameat", "fsync", "mkdirat", "unlinkat", "write"} {
		for n := 1; n <= 40; n += 1 + n/2 {
			server := launch(t, killedAt(call, n, serverFlags(dir, flags...)...))
			if server.await() == nil {
				value++
				report(server, value)
				server.stopIfAlive(syscall.SIGTERM)
			}
			if server.wasKilled() {
				kills++
			}
			if log := server.logged(t); strings.Contains(log, "older than its mirror") {
				t.Errorf("after a kill: %s", log)
			}
			leftOvers += wholeMirror(t, mirror, clusters)
		}
	}
	if kills < 5 || leftOvers == 0 {
		t.Errorf("%d kills, %d files left over: the test shows too little", kills, leftOvers)
	}

	server := startServer(t, dir, flags...)
	eventually(t, "the rubbish is warned of", func() bool {
		log := server.logged(t)
		return strings.Contains(log, "notes.txt") && strings.Contains(log, "2026-13.json")
	})
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if left := wholeMirror(t, mirror, clusters); left != 0 {
		t.Errorf("%d files are left over", left)
	}
	if text, err := os.ReadFile(filepath.Join(mirror, "notes.txt")); err != nil || string(text) != "rubbish" {
		t.Errorf("the rubbish is now %q, %v", text, err)
	}
	t.Logf("%d kills, %d files left over meanwhile", kills, leftOvers)
}

// A server that is started on an older copy of its file does not touch the mirror,
// which has what came since. With the flag it sets that aside, and nothing is lost.
func TestOlderFileBesideItsMirror(t *testing.T) {
	dir := t.TempDir()
	db, mirror := filepath.Join(dir, "telemetry.db"), filepath.Join(t.TempDir(), "snapshots")
	report := func(cluster string) {
		server := startServer(t, dir, "--snapshot-dir="+mirror)
		server.post(t, cluster, payload(t, "operator-v1.prom"))
		server.stop(t, syscall.SIGTERM)
	}
	report("cluster-a")
	older, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	report("cluster-b")
	if err := os.WriteFile(db, older, 0o600); err != nil {
		t.Fatal(err)
	}
	before := treeOf(t, mirror)
	launch(t, exec.Command(cli.Name, serverFlags(dir, "--snapshot-dir="+mirror)...)).
		refused(t, "older than its mirror", " restore --snapshot-dir "+mirror, " merge "+db, "--set-aside-mirror")
	if r := command(t, "forget", "--db", db, "--snapshot-dir", mirror, "--cluster", "cluster-a", "--yes"); r.code != program.ExitFailure || !strings.Contains(r.errs, "nothing was removed: the mirror is ahead of the database") {
		t.Errorf("forget says %+v", r)
	}
	if after := treeOf(t, mirror); !maps.Equal(before, after) {
		t.Errorf("the mirror is\n%v\nand was\n%v", after, before)
	}

	server := startServer(t, dir, "--snapshot-dir="+mirror, "--set-aside-mirror")
	requireClusters(t, server, 1)
	server.stop(t, syscall.SIGTERM)
	aside, err := filepath.Glob(filepath.Join(mirror, "ahead-*"))
	if err != nil || len(aside) != 1 {
		t.Fatalf("set aside: %q, %v", aside, err)
	}
	if set := treeOf(t, aside[0]); !maps.Equal(before, set) {
		t.Errorf("set aside is\n%v\nand there was\n%v", set, before)
	}
	mirrored, all := filepath.Join(t.TempDir(), "mirrored.db"), filepath.Join(t.TempDir(), "telemetry.db")
	for _, args := range [][]string{
		{"restore", "--snapshot-dir", aside[0], "-o", mirrored},
		{"merge", db, mirrored, "-o", all},
	} {
		if r := command(t, args...); r.code != 0 {
			t.Fatalf("%q: %+v", args, r)
		}
	}
	requireClusters(t, startServer(t, filepath.Dir(all)), 2)
}

// Two servers would write their days over each other's in one mirror, and the file that
// is lost first could not be restored. The second one does not start, and leaves no new
// file behind.
func TestTwoServersOnOneMirror(t *testing.T) {
	dir, folder := t.TempDir(), filepath.Join(t.TempDir(), "snapshots")
	server := startServer(t, t.TempDir(), "--snapshot-dir="+folder)
	server.post(t, "cluster-a", payload(t, "operator-v1.prom"))
	refused := func() {
		t.Helper()
		launch(t, exec.Command(cli.Name, serverFlags(dir, "--snapshot-dir="+folder)...)).
			refused(t, "another server writes the mirror in "+folder, "--snapshot-dir")
	}
	refused()
	if _, err := os.Stat(filepath.Join(dir, "telemetry.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a new file: %v", err)
	}
	startServer(t, dir, "--snapshot-dir=").stop(t, syscall.SIGTERM)
	refused()
	if r := command(t, "forget", "--db", filepath.Join(dir, "telemetry.db"), "--snapshot-dir", folder, "--cluster", "cluster-a", "--yes"); r.code != program.ExitFailure || !strings.Contains(r.errs, "another server writes the mirror") {
		t.Errorf("forget says %+v", r)
	}
	server.stop(t, syscall.SIGTERM)
	startServer(t, dir, "--snapshot-dir="+folder).stop(t, syscall.SIGTERM)
	restored := filepath.Join(t.TempDir(), "telemetry.db")
	if text := succeed(t, "restore", "--snapshot-dir", folder, "-o", restored); !strings.Contains(text, "has 1 day record") {
		t.Error(text)
	}
}

// treeOf returns the content of every file under a folder, by its path there.
func treeOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// stopIfAlive ends the program with a signal, unless it has ended by itself.
func (p *process) stopIfAlive(sig syscall.Signal) {
	_ = p.cmd.Process.Signal(sig) // an error means that it is gone
	<-p.exited
}

// wholeMirror checks every file of the mirror and returns how many temporary ones
// lie there.
func wholeMirror(t *testing.T, dir string, clusters int) (leftOvers int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && strings.HasPrefix(d.Name(), ".") {
			leftOvers++
			return fs.SkipDir
		}
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		switch name := d.Name(); {
		case err != nil:
			return err
		case name == "manifest.json" && !json.Valid(content):
			t.Errorf("%s is half: %s", path, content)
		case strings.HasSuffix(name, ".jsonl"):
			wholeDay(t, path, string(content), clusters)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return leftOvers
}

// wholeDay checks the file of a day on which all clusters reported.
func wholeDay(t *testing.T, path, content string, clusters int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
	if len(lines) != clusters || !strings.HasSuffix(content, "\n") {
		t.Errorf("%s has %d lines, %d clusters reported", path, len(lines), clusters)
	}
	for _, line := range lines {
		if _, _, _, err := mirror.DecodeLine([]byte(line)); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}
