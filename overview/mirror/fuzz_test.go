package mirror

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// FuzzManifest puts any bytes into the place of the mirror's manifest. Syncing
// goes on, touches only the mirror's own files, and leaves the manifest right.
func FuzzManifest(f *testing.F) {
	for _, seed := range []string{
		"", "null", "{", `{"database":"db-1"}`, `{"database":"db-1","days":null}`, `{"database":"db-1","days":{"../../x":{}}}`,
		`{"database":"db-1","days":{"2026-03-01":{"version":1,"bytes":-1,"sha256":""}}}`, `{"database":"db-1","days":{"2026-02-01":{"version":1}}}`,
		`{"database":"db-1","days":{"keep":{"version":18446744073709551615}}}`, `{"database":"other","days":{"2026-02-01":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		dir, s := t.TempDir(), newMemStore("db-1")
		put(t, dir, filepath.Join(dayFolderName, manifestName), string(manifest))
		put(t, dir, filepath.Join(dayFolderName, "keep.jsonl"), "x")
		put(t, dir, "keep", "x")
		repair(t, dir, s)
		want := folder(t, dir)
		if want["keep"] != "x" || want[filepath.Join(dayFolderName, "keep.jsonl")] != "x" {
			t.Fatalf("a file of others is gone: %v", want)
		}
		repair(t, dir, s)
		if got := folder(t, dir); !reflect.DeepEqual(got, want) {
			t.Fatalf("repaired\n%v, repaired again\n%v", want, got)
		}
	})
}

// FuzzMonthImport puts any bytes into the place of a month's file. It is left as
// it is, or taken over and from then on written as it was read.
func FuzzMonthImport(f *testing.F) {
	for _, seed := range []string{
		original, "", "null", "{}", strings.Replace(original, `"month"`, `"Month"`, 1),
		strings.Replace(original, `"month"`, `"source":"rollups","kinds":{"Redis":1},"confirmed_clusters":3,"month"`, 1),
		strings.Replace(original, `"month"`, `"source":"imported","final":true,"days_with_data":31,"month"`, 1),
		strings.Replace(original, `"month"`, `"source":"mixed","month"`, 1),
		strings.Replace(original, `"apps"`, `"apps":{"<script>":1},"x"`, 1),
		strings.Replace(original, `"apps"`, `"apps":{"redis":9007199254740993},"x"`, 1),
		strings.Replace(original, `"apps"`, `"apps":{"redis":-1},"x"`, 1),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		dir, s := t.TempDir(), newMemStore("db-1")
		path := filepath.Join(dir, "2026-03.json")
		if err := os.WriteFile(path, file, 0o600); err != nil {
			t.Fatal(err)
		}
		found := repair(t, dir, s)
		written, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if len(found.Imported) == 0 {
			if len(found.Warnings) != 1 || !bytes.Equal(written, file) {
				t.Fatalf("warnings %v, the file became %s", found.Warnings, written)
			}
			return
		}
		if !json.Valid(written) {
			t.Fatalf("written: %s", written)
		}
		checkMonthFile(t, s.snapshots[march])
		for app, n := range s.snapshots[march].Apps {
			if n < 0 || n > rollup.MaxValue {
				t.Fatalf("%d of %s", n, app)
			}
		}
		other := newMemStore("db-2")
		repair(t, dir, other)
		if !reflect.DeepEqual(other.snapshots, s.snapshots) {
			t.Fatalf("imported %+v, then %+v", s.snapshots, other.snapshots)
		}
	})
}

// checkMonthFile writes a snapshot as the mirror does, and reads it again.
func checkMonthFile(t *testing.T, s rollup.Snapshot) {
	t.Helper()
	file, err := EncodeMonth(s)
	if err != nil {
		t.Fatal(err)
	}
	read, err := DecodeMonth(file, s.Month)
	if err != nil {
		t.Fatalf("%v in\n%s", err, file)
	}
	if again, err := EncodeMonth(read); err != nil || !bytes.Equal(again, file) {
		t.Fatalf("%s\nbecame\n%s, %v", file, again, err)
	}
}
