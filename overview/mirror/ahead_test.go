package mirror

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// aheadMirror is the mirror of a store that has lost what came since: a report for
// the first day, and the whole of the second.
func aheadMirror(t *testing.T) (dir string, old *memStore) {
	t.Helper()
	old = newMemStore("db-1")
	old.report("cluster-a", march1, 5)
	dir = t.TempDir()
	repair(t, dir, filledStore())
	return dir, old
}

// Beside an older copy of its file the mirror may be the last one of what came since.
// Nobody touches it.
func TestAheadOfItsFileIsLeftAlone(t *testing.T) {
	dir, old := aheadMirror(t)
	before := folder(t, dir)
	m := New(dir, old, Config{})
	days, err := m.Ahead()
	if want := []rollup.Date{rollup.DateOf(march1), rollup.DateOf(march2)}; !slices.Equal(days, want) || err != nil {
		t.Errorf("ahead by %v, %v, want %v", days, err, want)
	}
	_, repairErr := m.Repair(t.Context())
	_, forgetErr := m.Forget(t.Context(), only("cluster-a"))
	for turn, err := range map[string]error{"Sync": m.Sync(t.Context()), "Repair": repairErr, "Forget": forgetErr} {
		if !errors.Is(err, ErrAhead) || !strings.Contains(err.Error(), "2026-03-01 to 2026-03-02") {
			t.Errorf("%s: %v", turn, err)
		}
	}
	if after := folder(t, dir); !maps.Equal(before, after) {
		t.Errorf("files are\n%v\nand were\n%v", after, before)
	}
}

// What retention has removed, or a person, or what another database had, does not
// make a mirror ahead.
func TestIsNotAhead(t *testing.T) {
	for name, change := range map[string]func(dir string, s *memStore){
		"nothing changed": func(string, *memStore) {},
		"a day removed":   func(_ string, s *memStore) { s.drop(rollup.DateOf(march1)) },
		"a removed day that came back": func(_ string, s *memStore) {
			s.drop(rollup.DateOf(march1))
			s.clock = 0
			s.report("late", march1, 1)
		},
		"an older day lost its file": func(dir string, s *memStore) {
			delete(s.versions, rollup.DateOf(march2))
			os.Remove(filepath.Join(dir, march2File))
		},
		"no manifest":      func(dir string, _ *memStore) { os.Remove(filepath.Join(dir, manifestFile)) },
		"another database": func(_ string, s *memStore) { s.id, s.versions = "db-2", nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir, s := t.TempDir(), filledStore()
			repair(t, dir, s)
			change(dir, s)
			m := New(dir, s, Config{})
			if days, err := m.Ahead(); len(days) != 0 || err != nil {
				t.Errorf("ahead by %v, %v", days, err)
			}
			if err := m.Sync(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// What is set aside is a mirror of its own, with all that was there, and is not
// touched again. A name that is taken is not used.
func TestSetAside(t *testing.T) {
	dir, old := aheadMirror(t)
	before := folder(t, dir)
	m := New(dir, old, Config{})
	aside, err := m.SetAside(march2)
	if want := filepath.Join(dir, "ahead-20260302T093000Z"); aside != want || err != nil {
		t.Fatalf("set aside as %q, %v, want %q", aside, err, want)
	}
	found, err := m.Repair(t.Context())
	if err != nil || len(found.Warnings) != 1 || !strings.Contains(found.Warnings[0], "restore and merge") {
		t.Errorf("warnings %q, %v", found.Warnings, err)
	}
	if after := folder(t, aside); !maps.Equal(before, after) {
		t.Errorf("set aside is\n%v\nand there was\n%v", after, before)
	}
	if _, err := m.SetAside(march2); !errors.Is(err, os.ErrExist) {
		t.Errorf("set aside twice: %v", err)
	}
	if err := os.Rename(aside, filepath.Join(t.TempDir(), "aside")); err != nil {
		t.Fatal(err)
	}
	requireFresh(t, "after it was set aside", dir, old)
}
