package e2e

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

// mirrored makes a file with the figures of its months, and its mirror.
func mirrored(t *testing.T) (db, mirror string) {
	t.Helper()
	db, _ = fleetFile(t)
	mirror = filepath.Join(t.TempDir(), "snapshots")
	server := startServer(t, filepath.Dir(db), "--snapshot-dir="+mirror)
	server.post(t, "my-cluster", payload(t, "operator-v1.prom"))
	for month := thisMonth() - 2; month < thisMonth(); month++ {
		server.overview(t, month)
	}
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Fatal(code)
	}
	return db, mirror
}

// A mirror becomes a file again that has the same days, the same figures, and the
// same answers.
func TestRestoreOfAMirror(t *testing.T) {
	t.Parallel()
	db, mirror := mirrored(t)
	if out := succeed(t, "verify", "--db", db, "--snapshot-dir", mirror); !strings.Contains(out, "ok: the mirror has ") || strings.Contains(out, "note") {
		t.Errorf("the original: %s", out)
	}
	restored := filepath.Join(t.TempDir(), "restored.db")
	succeed(t, "restore", "--snapshot-dir", mirror, "-o", restored)
	if days(t, restored) != days(t, db) {
		t.Error("the days are others")
	}
	succeed(t, "verify", "--db", restored)
	for month := thisMonth() - 2; month < thisMonth(); month++ {
		if got, want := succeed(t, "overview", "--db", restored, "--month", month.String()), succeed(t, "overview", "--db", db, "--month", month.String()); got != want {
			t.Errorf("%s: %s, the original says %s", month, got, want)
		}
	}
	if out := succeed(t, "verify", "--db", restored, "--snapshot-dir", mirror); !strings.Contains(out, "note: the mirror was made by another file") {
		t.Errorf("the mirror of another file: %s", out)
	}
	addLine(t, mirror)
	if r := command(t, "verify", "--db", restored, "--snapshot-dir", mirror); r.code != program.ExitFailure || !strings.Contains(r.out, "has more than the database") {
		t.Errorf("a mirror of another file that differs: %+v", r)
	}
	server := startServer(t, filepath.Dir(restored), "--snapshot-dir="+mirror, "--db-path="+restored)
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Fatal(code)
	}
	if out := succeed(t, "verify", "--db", restored, "--snapshot-dir", mirror); strings.Contains(out, "note") {
		t.Errorf("the mirror of the restored file: %s", out)
	}
}

// addLine makes the first day of a mirror longer than it was.
func addLine(t *testing.T, mirror string) {
	t.Helper()
	days, err := filepath.Glob(filepath.Join(mirror, "rollups", "*.jsonl.gz"))
	if err != nil || len(days) == 0 {
		t.Fatal(days, err)
	}
	edit(t, days[0], func(b []byte) []byte { return append(b, '\n') })
}

// edit changes a file of the mirror, or what is zipped in it.
func edit(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, ".gz") {
		content = rezipped(t, content, change)
	} else {
		content = change(content)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func rezipped(t *testing.T, content []byte, change func([]byte) []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = w.Write(change(text))
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// What can't be used is named with its file and line, and no file is made of the
// rest unless that is asked for.
func TestRestoreOfADamagedMirror(t *testing.T) {
	t.Parallel()
	db, mirror := mirrored(t)
	paths, err := filepath.Glob(filepath.Join(mirror, "rollups", "*.jsonl.gz"))
	if err != nil || len(paths) < 3 {
		t.Fatal(paths, err)
	}
	edit(t, paths[0], func(b []byte) []byte { return bytes.Replace(b, []byte(`"peak":`), []byte(`"peak":-`), 1) })
	edit(t, paths[1], func(b []byte) []byte { return b[:len(b)-40] })
	edit(t, paths[2], func(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')+1] }) // whole lines are missing
	edit(t, filepath.Join(mirror, (thisMonth()-1).String()+".json"), func([]byte) []byte { return []byte("{}") })

	out := filepath.Join(t.TempDir(), "out.db")
	r := command(t, "restore", "--snapshot-dir", mirror, "-o", out)
	for _, want := range []string{
		filepath.Base(paths[0]) + ":1: ", filepath.Base(paths[1]) + ":", filepath.Base(paths[2]) + ": not the file that the manifest names",
		(thisMonth() - 1).String() + ".json: ", "no file was made",
	} {
		if r.code != program.ExitFailure || !strings.Contains(r.errs, want) {
			t.Errorf("exit code %d; %q is not in\n%s", r.code, want, r.errs)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) != 0 {
		t.Errorf("there is %v", entries)
	}
	succeed(t, "restore", "--snapshot-dir", mirror, "-o", out, "--keep-going")
	if got, all := strings.Count(days(t, out), "\n"), strings.Count(days(t, db), "\n"); got >= all || got < all/2 {
		t.Errorf("%d of %d records are restored", got, all)
	}
	if r := command(t, "restore", "--snapshot-dir", t.TempDir(), "-o", out+"2"); r.code != program.ExitFailure || !strings.Contains(r.errs, "no days and no months") {
		t.Errorf("an empty folder: %+v", r)
	}

	r = command(t, "verify", "--db", db, "--snapshot-dir", mirror)
	for _, path := range paths[:3] {
		if r.code != program.ExitFailure || !strings.Contains(r.out, filepath.Base(path)) {
			t.Errorf("verify does not see %s: %+v", path, r)
		}
	}
	if !strings.Contains(r.errs, "4 problems found") {
		t.Errorf("verify: %s%s", r.out, r.errs)
	}
}
