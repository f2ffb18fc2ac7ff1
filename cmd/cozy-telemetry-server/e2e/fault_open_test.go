package e2e

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

// Folders that the server makes are there after a power failure, as what it writes into
// them is: each of them is noted in the one above.
func TestNewFoldersAreDurable(t *testing.T) {
	calls := filepath.Join(t.TempDir(), "calls")
	db, mirror, backups := t.TempDir(), t.TempDir(), t.TempDir()
	flags := serverFlags(filepath.Join(db, "new/newer"),
		"--snapshot-dir="+filepath.Join(mirror, "new/newer"), "--backup-dir="+filepath.Join(backups, "new/newer"))
	server := launch(t, exec.Command("strace", append([]string{
		"-D", "-f", "-qq", "-y", "-o", calls, "-e", "trace=fsync", "--", cli.Name,
	}, flags...)...))
	if err := server.await(); err != nil {
		t.Fatalf("%v:\n%s", err, server.logged(t))
	}
	server.post(t, "some-cluster", "cozy_cluster_info 1\n")
	server.stop(t, syscall.SIGTERM)
	for _, above := range []string{db, mirror, backups} {
		for _, folder := range []string{above, filepath.Join(above, "new")} {
			eventually(t, "strace tells that "+folder+" is synced", func() bool {
				text, err := os.ReadFile(calls)
				return err == nil && strings.Contains(string(text), "<"+folder+">") // maybe as unfinished, beside another thread
			})
		}
	}
}

// fileOfClusters makes a file with the reports of so many clusters and returns
// its bytes without the unused space at its end. The last two commits are of the
// same content.
func fileOfClusters(t *testing.T, clusters int) []byte {
	t.Helper()
	dir := t.TempDir()
	server := startServer(t, dir)
	for i := range clusters {
		server.post(t, fmt.Sprintf("cluster-%d", i), payload(t, "operator-v1.prom"))
	}
	used := server.metric(t, "database_bytes")
	server.stop(t, syscall.SIGTERM)
	content, err := os.ReadFile(filepath.Join(dir, "telemetry.db"))
	if err != nil {
		t.Fatal(err)
	}
	return content[:used]
}

// refusalComes is how long a program is waited for that is to end. That it ends within
// 2 s is held apart from that, so that a failure tells how long it took.
const refusalComes = 10 * time.Second

// refused waits until a program that can't serve has ended. It must do so within
// 2 s, with code 1 and one line that has all texts.
func (p *process) refused(t *testing.T, texts ...string) {
	t.Helper()
	begin := time.Now()
	select {
	case <-p.exited:
	case <-time.After(refusalComes):
		t.Fatal("it does not end")
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("it took %v to say so", took)
	}
	log, code := p.logged(t), p.cmd.ProcessState.ExitCode()
	if code != program.ExitFailure || strings.Count(log, "\n") != 1 || strings.Contains(log, "panic") || strings.Contains(log, "goroutine") {
		t.Errorf("exit code %d:\n%s", code, log)
	}
	for _, text := range texts {
		if !strings.Contains(log, text) {
			t.Errorf("%q is missing in: %s", text, log)
		}
	}
}

// A file that can't be used is refused, with the remedy, and stays as it is. What
// is behind the last page may be missing.
func TestF7BadFiles(t *testing.T) {
	const clusters = 30
	good := fileOfClusters(t, clusters)
	page := os.Getpagesize()
	refused := map[string]struct {
		content []byte
		remedy  string
	}{
		"0 bytes":     {nil, "restore a backup"},
		"1 byte":      {good[:1], "move the file away"},
		"half a file": {good[:len(good)/2], "restore a backup"},
		"half a page": {good[:page/2], "move the file away"},
		"zeros":       {make([]byte, len(good)), "move the file away"},
		"text":        {bytes.Repeat([]byte("hello, world\n"), 10_000), "move the file away"},
	}
	for kind, test := range refused {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			requireUntouched(t, dir, test.content, func() {
				launch(t, exec.Command(cli.Name, serverFlags(dir)...)).refused(t, "telemetry.db", test.remedy)
			})
		})
	}
	t.Run("without the unused space", func(t *testing.T) {
		dir := t.TempDir()
		requireUntouched(t, dir, good, func() {})
		requireClusters(t, startServer(t, dir), clusters)
	})
	t.Run("zeroed pages", func(t *testing.T) { zeroPages(t, good, clusters) })
	t.Run("a folder", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "telemetry.db"), 0o700); err != nil {
			t.Fatal(err)
		}
		launch(t, exec.Command(cli.Name, serverFlags(dir)...)).refused(t, "name a file")
	})
}

// requireUntouched puts a file into dir, and requires that it is the same, and
// alone, after f.
func requireUntouched(t *testing.T, dir string, content []byte, f func()) {
	t.Helper()
	path := filepath.Join(dir, "telemetry.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f()
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
		t.Errorf("the file was changed (%v)", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("beside the file: %v, %v", entries, err)
	}
}

func requireClusters(t *testing.T, server *process, want int64) {
	t.Helper()
	if got := server.overview(t, thisMonth()); got.Clusters != want || got.TotalNodes != 3*want {
		t.Errorf("the file has %v, want %d clusters", got, want)
	}
}

// zeroPages zeroes one page of the file after the other. The server either
// refuses the file, or did not need the page.
func zeroPages(t *testing.T, good []byte, clusters int64) {
	page := os.Getpagesize()
	refused, opened := 0, 0
	for at := 0; at < len(good); at += page {
		dir, content := t.TempDir(), bytes.Clone(good)
		clear(content[at : at+page])
		requireUntouched(t, dir, content, func() {})
		server := launch(t, exec.Command(cli.Name, serverFlags(dir)...))
		if err := server.await(); err == nil {
			opened++
			// Beside a good meta page the other one is not needed, but it may be the
			// last commit's.
			got := server.overview(t, thisMonth()).Clusters
			if got != clusters && (at >= 2*page || got != clusters-1) {
				t.Errorf("without page %d the file has %d clusters", at/page, got)
			}
			server.stop(t, syscall.SIGTERM)
			continue
		}
		refused++
		server.refused(t, "telemetry.db", "restore a backup")
		if after, err := os.ReadFile(filepath.Join(dir, "telemetry.db")); err != nil || !bytes.Equal(after, content) {
			t.Errorf("page %d: the file was changed (%v)", at/page, err)
		}
	}
	if refused < 5 || opened < 2 {
		t.Errorf("%d refused, %d opened", refused, opened)
	}
	t.Logf("%d pages: %d refused, %d opened", len(good)/page, refused, opened)
}

// A user that may not write the file, and a file system that takes no writes.
func TestF7NoPermission(t *testing.T) {
	dir := t.TempDir()
	openTo(t, dir)
	requireUntouched(t, dir, fileOfClusters(t, 1), func() {
		if err := os.Chmod(filepath.Join(dir, "telemetry.db"), 0o400); err != nil {
			t.Fatal(err)
		}
		launch(t, asNobody(t, serverFlags(dir)...)).refused(t, "permission denied", "the server's user must own the file")
	})
}

// openTo lets every user reach a folder of the test.
func openTo(t *testing.T, dir string) {
	t.Helper()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
}

// asNobody is the program, run by a user without rights if the test is run by
// root.
func asNobody(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if os.Getuid() != 0 {
		return exec.Command(cli.Name, args...)
	}
	path, err := exec.LookPath(cli.Name)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir() // for only root may reach the program where it is
	openTo(t, dir)
	copied := filepath.Join(dir, cli.Name)
	if err := copyProgram(path, copied); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(copied, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	return cmd
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func TestF7ReadOnlyFileSystem(t *testing.T) {
	const readOnly = `mount --bind "$DIR" "$DIR"; mount -o remount,bind,ro "$DIR"`
	const remedy = "give --db-path a place in a folder that takes writes"
	dir := t.TempDir()
	requireUntouched(t, dir, fileOfClusters(t, 1), func() {
		launch(t, inNamespace(dir, readOnly, serverFlags(dir)...)).refused(t, "read-only file system", remedy)
	})
	dir = t.TempDir()
	launch(t, inNamespace(dir, readOnly, serverFlags(dir)...)).refused(t, "read-only file system", remedy)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("there is %v, %v", entries, err)
	}
}

// A second server says within 2 s that the file is in use. The first one is none
// the worse.
func TestF8SecondServer(t *testing.T) {
	dir := t.TempDir()
	first := startServer(t, dir)
	for range 2 {
		launch(t, exec.Command(cli.Name, serverFlags(dir)...)).
			refused(t, "in use by another process", "stop the other server, or give this one its own --db-path")
		first.post(t, "c1", payload(t, "operator-v1.prom"))
	}
	requireClusters(t, first, 1)
}

// A file of a newer schema is refused and stays as it is.
func TestF11NewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "newer.db")
	if err := os.WriteFile(path, fileOfClusters(t, 1), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error {
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), binary.AppendUvarint(nil, 99))
	})
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	requireUntouched(t, dir, content, func() {
		launch(t, exec.Command(cli.Name, serverFlags(dir)...)).
			refused(t, "it has schema 99", "start the version that wrote it, or a newer one")
	})
}
