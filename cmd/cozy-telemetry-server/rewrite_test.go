package main

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// days returns all days of a file, as lines of the mirror.
func days(t *testing.T, db string) string {
	t.Helper()
	s, err := store.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	versions, err := s.DayVersions()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for date := rollup.Date(0); date < rollup.DateOf(time.Now())+2; date++ {
		if _, ok := versions[date]; !ok {
			continue
		}
		err := s.Instances(t.Context(), date, func(product, instance string, d rollup.Day) error {
			line, err := mirror.EncodeLine(product, instance, d)
			fmt.Fprintf(&all, "%s %s\n", date, line)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// Two servers that each saw half of the reports, and some both: their files merged
// are the file of the server that saw all. A file merged with itself is itself.
func TestMergedHalvesAreTheWhole(t *testing.T) {
	var dirs [3]string
	var servers [3]*process
	for i := range dirs {
		dirs[i] = t.TempDir()
		servers[i] = startServer(t, dirs[i], "--limits=off")
	}
	all, a, b := servers[0], servers[1], servers[2]
	for i := range 30 {
		cluster := fmt.Sprintf("%08x-0000-0000-0000-000000000000", i%12)
		body := fmt.Sprintf("cozy_cluster_info{v=\"%d\"} 1\ncozy_nodes_count{kernel=\"%d\"} %d\ncozy_application_count{kind=\"Redis\"} %d\n", i%3, i%2, 1+i%7, i)
		all.post(t, cluster, body)
		if i%2 == 0 || i%5 == 0 {
			a.post(t, cluster, body)
		}
		if i%2 == 1 || i%5 == 0 {
			b.post(t, cluster, body)
		}
	}
	var files [3]string
	for i, server := range servers {
		server.stop(t, syscall.SIGTERM)
		files[i] = filepath.Join(dirs[i], "telemetry.db")
	}
	out := filepath.Join(t.TempDir(), "merged.db")
	succeed(t, "merge", files[1], files[2], "-o", out)
	whole := days(t, files[0])
	if got := days(t, out); got != whole || strings.Count(got, "\n") != 12 {
		t.Errorf("merged\n%s, one server has\n%s", got, whole)
	}
	month := thisMonth().String()
	if got, want := overviewWithoutTime(t, out, month), overviewWithoutTime(t, files[0], month); got != want {
		t.Errorf("merged\n%s, one server says\n%s", got, want)
	}
	if days(t, files[1]) == whole {
		t.Error("one half has everything")
	}
	succeed(t, "verify", "--db", out)

	twice := filepath.Join(t.TempDir(), "twice.db")
	copied := filepath.Join(t.TempDir(), "copy.db")
	succeed(t, "compact", "--db", files[0], "-o", copied)
	succeed(t, "merge", files[0], copied, "-o", twice)
	if days(t, twice) != whole || days(t, copied) != whole {
		t.Error("a file merged with its copy is another one")
	}
	if r := command(t, "merge", files[1], "-o", out); r.code != exitFailure || !strings.Contains(r.errs, "there is such a file already") {
		t.Errorf("an existing file: %+v", r)
	}
}

func overviewWithoutTime(t *testing.T, db, month string) string {
	t.Helper()
	return generatedAt.ReplaceAllString(succeed(t, "overview", "--db", db, "--month", month), "")
}

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
	if r := command(t, "verify", "--db", restored, "--snapshot-dir", mirror); r.code != exitFailure || !strings.Contains(r.out, "has more than the database") {
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
	days, err := filepath.Glob(filepath.Join(mirror, "rollups", "*.jsonl"))
	if err != nil || len(days) == 0 {
		t.Fatal(days, err)
	}
	content, err := os.ReadFile(days[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(days[0], append(content, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

// What can't be used is named with its file and line, and no file is made of the
// rest unless that is asked for.
func TestRestoreOfADamagedMirror(t *testing.T) {
	db, mirror := mirrored(t)
	paths, err := filepath.Glob(filepath.Join(mirror, "rollups", "*.jsonl"))
	if err != nil || len(paths) < 3 {
		t.Fatal(paths, err)
	}
	edit := func(path string, change func([]byte) []byte) {
		t.Helper()
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, change(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit(paths[0], func(b []byte) []byte { return bytes.Replace(b, []byte(`"peak":`), []byte(`"peak":-`), 1) })
	edit(paths[1], func(b []byte) []byte { return b[:len(b)-40] })
	edit(paths[2], func(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')+1] }) // whole lines are missing
	edit(filepath.Join(mirror, (thisMonth()-1).String()+".json"), func([]byte) []byte { return []byte("{}") })

	out := filepath.Join(t.TempDir(), "out.db")
	r := command(t, "restore", "--snapshot-dir", mirror, "-o", out)
	for _, want := range []string{
		filepath.Base(paths[0]) + ":1: ", filepath.Base(paths[1]) + ":", filepath.Base(paths[2]) + ": not the file that the manifest names",
		(thisMonth() - 1).String() + ".json: ", "no file was made",
	} {
		if r.code != exitFailure || !strings.Contains(r.errs, want) {
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
	if r := command(t, "restore", "--snapshot-dir", t.TempDir(), "-o", out+"2"); r.code != exitFailure || !strings.Contains(r.errs, "no days and no months") {
		t.Errorf("an empty folder: %+v", r)
	}

	r = command(t, "verify", "--db", db, "--snapshot-dir", mirror)
	for _, path := range paths[:3] {
		if r.code != exitFailure || !strings.Contains(r.out, filepath.Base(path)) {
			t.Errorf("verify does not see %s: %+v", path, r)
		}
	}
	if !strings.Contains(r.errs, "4 problems found") {
		t.Errorf("verify: %s%s", r.out, r.errs)
	}
}

// Figures that the rollups do not have any more are a problem; more than they had
// is none.
func TestVerifyHoldsFiguresAgainstRollups(t *testing.T) {
	db, _ := mirrored(t)
	month := thisMonth() - 1
	change := func(by int64) {
		t.Helper()
		file, err := bolt.Open(db, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = file.Update(func(tx *bolt.Tx) error {
			b, key := tx.Bucket([]byte("snapshots")), []byte(month.String())
			var snap rollup.Snapshot
			if err := json.Unmarshal(b.Get(key), &snap); err != nil {
				return err
			}
			snap.Clusters += by
			v, err := json.Marshal(snap)
			return errors.Join(err, b.Put(key, v))
		})
		if err = errors.Join(err, file.Close()); err != nil {
			t.Fatal(err)
		}
	}
	change(-1)
	if out := succeed(t, "verify", "--db", db); !strings.Contains(out, "note: snapshot of "+month.String()+": the rollups have more") {
		t.Errorf("more in the rollups: %s", out)
	}
	change(2)
	if r := command(t, "verify", "--db", db); r.code != exitFailure || !strings.Contains(r.out, "problem: snapshot of "+month.String()+": the rollups count less: clusters") {
		t.Errorf("less in the rollups: %+v", r)
	}
}

// What the store's own check finds is printed.
func TestVerifyTellsOfDamage(t *testing.T) {
	db := filepath.Join(t.TempDir(), "t.db")
	s, err := store.Open(db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.PutAppList(t.Context(), []byte("{")), s.Close()); err != nil {
		t.Fatal(err)
	}
	if r := command(t, "verify", "--db", db); r.code != exitFailure || !strings.Contains(r.out, "problem: snapshot: ") || !strings.Contains(r.errs, "1 problem found") {
		t.Errorf("verify says %+v", r)
	}
}

// After forget no byte of a cluster is left in the file or its mirror: not as text,
// not packed, and not in what is compressed.
func TestForgetLeavesNoByte(t *testing.T) {
	const id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
	packed, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil {
		t.Fatal(err)
	}
	dir, mirror := t.TempDir(), filepath.Join(t.TempDir(), "snapshots")
	db := filepath.Join(dir, "telemetry.db")
	// Nobody is there to forward to: the lines stay in the queue.
	server := startServer(t, dir, "--snapshot-dir="+mirror, "--forward-url=http://127.0.0.1:1/")
	for _, cluster := range []string{"other-1", id, "other-2"} {
		server.post(t, cluster, payload(t, "operator-v1.prom"))
		server.post(t, cluster, payload(t, "controller-v1.prom")+"cozy_secret{of=\""+strings.ToUpper(cluster)+"\"} 1\n")
	}
	server.stop(t, syscall.SIGTERM)
	lost := filepath.Join(mirror, "rollups", "2025-01-01.jsonl") // of a database that is no more
	line := mirrorLineOf(t, mirror, id)
	if err := os.WriteFile(lost, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	leftOver := filepath.Join(mirror, "rollups", ".2025-01-01.jsonl.123.tmp")
	if err := os.WriteFile(leftOver, []byte(line[:100]), 0o600); err != nil {
		t.Fatal(err)
	}
	needles := map[string][]byte{"text": []byte(id), "packed": packed, "its own series": []byte(strings.ToUpper(id))}
	if found := search(t, needles, dir, mirror); len(found) < 4 {
		t.Fatalf("before, it is only in %q", found)
	}
	if r := command(t, "forget", "--db", db, "--cluster", id); r.code != exitFailure || !strings.Contains(r.errs, "--yes") {
		t.Errorf("without a yes: %+v", r)
	}
	before := succeed(t, "inspect", "--db", db, "--json")
	succeed(t, "forget", "--db", db, "--cluster", id, "--snapshot-dir", mirror, "--yes")
	if found := search(t, needles, dir, mirror); len(found) > 0 {
		t.Errorf("it is still in %q", found)
	}
	others := map[string][]byte{"text": []byte("other-1"), "queue": []byte("other-2")}
	if found := search(t, others, dir, mirror); len(found) < 4 {
		t.Errorf("the others are only in %q", found)
	}
	succeed(t, "verify", "--db", db)
	if after := succeed(t, "inspect", "--db", db, "--json"); databaseOf(t, before) != databaseOf(t, after) {
		t.Error("it is another database now")
	}
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}
	succeed(t, "verify", "--db", db, "--snapshot-dir", mirror)
	server = startServer(t, dir, "--snapshot-dir="+mirror)
	if got := server.overview(t, thisMonth()).Clusters; got != 2 {
		t.Errorf("%d clusters are left", got)
	}
}

func databaseOf(t *testing.T, text string) string {
	t.Helper()
	var found inspection
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	return found.Database
}

// mirrorLineOf returns a cluster's line in today's file.
func mirrorLineOf(t *testing.T, mirror, cluster string) string {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(mirror, "rollups", "*.jsonl"))
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			if strings.Contains(line, cluster) {
				return line
			}
		}
	}
	t.Fatal("the mirror lacks the cluster")
	return ""
}

// search looks for needles in all files of some folders, and in every gzip member
// in them. It returns where they are.
func search(t *testing.T, needles map[string][]byte, folders ...string) (found []string) {
	t.Helper()
	for _, folder := range folders {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for what, needle := range needles {
				if bytes.Contains(content, needle) {
					found = append(found, what+" in "+path)
				}
				if bytes.Contains(unzipped(content), needle) {
					found = append(found, what+" compressed in "+path)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// unzipped returns what every gzip member in some bytes holds, whole or not.
func unzipped(content []byte) []byte {
	var all bytes.Buffer
	for i := range content {
		if !bytes.HasPrefix(content[i:], []byte{0x1f, 0x8b, 8}) {
			continue
		}
		if r, err := gzip.NewReader(bytes.NewReader(content[i:])); err == nil {
			_, _ = io.Copy(&all, r) // as far as it goes
		}
	}
	return all.Bytes()
}
