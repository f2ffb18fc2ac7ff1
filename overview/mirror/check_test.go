package mirror

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Each thing that a folder has otherwise than the store is told, by file, and what is
// good is counted.
func TestCheck(t *testing.T) {
	edit := func(name string, change func(string) string) func(*testing.T, string, *memStore) {
		return func(t *testing.T, dir string, _ *memStore) { put(t, dir, name, change(folder(t, dir)[name])) }
	}
	remove := func(name string) func(*testing.T, string, *memStore) {
		return func(t *testing.T, dir string, _ *memStore) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		spoil func(t *testing.T, dir string, s *memStore)
		want  Checked
		bad   map[string]string // what is told, or how that begins, by file
	}{
		"nothing": {func(*testing.T, string, *memStore) {}, Checked{Days: 2, Months: 1}, nil},
		"another value": {
			edit(march1File, func(s string) string { return strings.Replace(s, `"peak":5`, `"peak":6`, 1) }),
			Checked{Days: 1, Months: 1}, map[string]string{march1File: "differs from the database at cozystack cluster-a"},
		},
		"cut off": {
			edit(march1File, func(s string) string { return s[:len(s)-1] }),
			Checked{Days: 1, Months: 1}, map[string]string{march1File: "differs from the database at cozystack cluster-b"},
		},
		"a line more": {
			edit(march2File, func(s string) string { return s + s }),
			Checked{Days: 1, Months: 1}, map[string]string{march2File: "has more than the database"},
		},
		"no day": {remove(march1File), Checked{Days: 1, Months: 1}, map[string]string{march1File: "no such file or directory"}},
		"a day of the past": {
			func(_ *testing.T, _ string, s *memStore) { s.drop(rollup.DateOf(march2)) },
			Checked{Days: 1, Months: 1}, map[string]string{march2File: "the database lacks this day"},
		},
		"no manifest": {
			remove(manifestFile), Checked{Months: 1},
			map[string]string{march1File: "the manifest does not name this file", march2File: "the manifest does not name this file"},
		},
		"another file's manifest": {
			func(_ *testing.T, _ string, s *memStore) { s.id = "db-2" },
			Checked{Days: 2, Months: 1, OfAnotherFile: true}, nil,
		},
		"no month":      {remove("2026-03.json"), Checked{Days: 2}, map[string]string{"2026-03.json": "no such file or directory"}},
		"another month": {edit("2026-03.json", func(s string) string { return s + "\n" }), Checked{Days: 2}, map[string]string{"2026-03.json": "differs from the snapshot"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, s := t.TempDir(), filledStore()
			repair(t, dir, s)
			tc.spoil(t, dir, s)
			found := map[string]string{}
			got, err := Check(t.Context(), dir, s, func(file, why string) {
				found[file] = why
				if want := tc.bad[file]; want != "" && strings.HasPrefix(why, want) {
					found[file] = want
				}
			})
			if err != nil || got != tc.want || len(found)+len(tc.bad) > 0 && !reflect.DeepEqual(found, tc.bad) {
				t.Errorf("%+v, bad %q: %v", got, found, err)
			}
		})
	}
}
