package mirror

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What is excluded is in the folder, and follows; without any there is no file, so that
// the folder is as it was. It is given back, and checked.
func TestExcludedIsMirrored(t *testing.T) {
	dir, s := t.TempDir(), newMemStore("A")
	s.report("a", time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC), 3)
	m := New(dir, s, Config{})
	path := filepath.Join(dir, excludedName)
	repair := func(m *Mirror) {
		t.Helper()
		if found, err := m.Repair(t.Context()); err != nil || len(found.Warnings) != 0 {
			t.Fatalf("%+v, %v", found, err)
		}
	}
	repair(m)
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a file with nothing")
	}
	s.excluded = []rollup.Exclusion{
		{Product: product, Instance: "a", At: time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC), Reason: "a flood"},
		{Product: product, Instance: "b", At: time.Date(2026, 3, 6, 0, 0, 0, 0, time.UTC)},
	}
	check := func() (bad []string) {
		t.Helper()
		if _, err := Check(t.Context(), dir, s, func(file, why string) { bad = append(bad, file+": "+why) }); err != nil {
			t.Fatal(err)
		}
		return bad
	}
	if bad := check(); len(bad) != 1 || !strings.HasPrefix(bad[0], excludedName) {
		t.Errorf("before it is written: %v", bad)
	}
	if err := m.WriteMonths(); err != nil {
		t.Fatal(err)
	}
	repair(m)
	if bad := check(); len(bad) != 0 {
		t.Errorf("bad is %v", bad)
	}
	var read []rollup.Exclusion
	err := Read(t.Context(), dir, Reader{
		Day:      func(rollup.Date, string, string, rollup.Day) error { return nil },
		Excluded: func(all []rollup.Exclusion) error { read = all; return nil },
	})
	if err != nil || !reflect.DeepEqual(read, s.excluded) {
		t.Errorf("read %+v, %v", read, err)
	}

	another := newMemStore("B") // in the place of a file that was lost
	if _, err := New(dir, another, Config{}).Import(t.Context()); err != nil || !reflect.DeepEqual(another.excluded, read) {
		t.Errorf("taken over are %+v, %v", another.excluded, err)
	}
	s.excluded = nil // included again
	repair(m)
	if b, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(b)) != "[]" || len(s.excluded) != 0 {
		t.Errorf("the file has %s, the store %+v, %v", b, s.excluded, err)
	}
}

// A file that can't be read is told, and nothing else is kept from being taken over.
func TestExcludedThatCannotBeRead(t *testing.T) {
	for _, text := range []string{"{", `[{"product":"cozystack"}]`} {
		dir, s := t.TempDir(), newMemStore("A")
		if err := New(dir, newMemStore("B"), Config{}).Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, excludedName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var bad []string
		err := Read(t.Context(), dir, Reader{Bad: func(file string, _ int, why error) error {
			bad = append(bad, file)
			return nil
		}})
		if err != nil || len(bad) != 1 || bad[0] != excludedName {
			t.Errorf("%s: read, bad is %v, %v", text, bad, err)
		}
		found, err := New(dir, s, Config{}).Repair(t.Context())
		if err != nil || len(found.Warnings) != 1 || !strings.Contains(found.Warnings[0], excludedName) {
			t.Errorf("%s: %+v, %v", text, found, err)
		}
	}
}
