package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

// After forget no byte of a cluster is left in the file or its mirror: not as text,
// not packed, and not in what is compressed.
func TestForgetLeavesNoByte(t *testing.T) {
	t.Parallel()
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
	if r := command(t, "forget", "--db", db, "--cluster", id); r.code != program.ExitFailure || !strings.Contains(r.errs, "--yes") {
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
			packed := unzipped(content)
			for what, needle := range needles {
				if bytes.Contains(content, needle) {
					found = append(found, what+" in "+path)
				}
				if bytes.Contains(packed, needle) {
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
