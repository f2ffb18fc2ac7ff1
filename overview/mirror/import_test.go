package mirror

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const original = `{"month":"2026-03","collected_at":"2026-04-01T07:01:00Z","clusters":42,"total_nodes":210,"total_tenants":84,"apps":{"postgres":120,"redis":85}}`

func TestImportsOriginals(t *testing.T) {
	for _, c := range []struct {
		name, collectedAt string
		final             bool
		days              int
	}{
		{"after the month", "2026-04-01T07:01:00Z", true, 31},
		{"at its end", "2026-04-01T00:00:00Z", true, 31},
		{"after the month, by a zone's clock", "2026-03-31T23:30:00-01:00", true, 31},
		{"within the month", "2026-03-31T23:59:59Z", false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, s := t.TempDir(), newMemStore("db-1")
			put(t, dir, "2026-03.json", strings.Replace(original, "2026-04-01T07:01:00Z", c.collectedAt, 1))
			found := repair(t, dir, s)
			if !slices.Equal(found.Imported, []Month{{product, march}}) || len(found.Warnings) != 0 {
				t.Fatalf("found %+v", found)
			}
			got := s.snapshots[march]
			if got.Clusters != 42 || got.TotalNodes != 210 || got.TotalTenants != 84 ||
				!maps.Equal(got.Apps, map[string]int64{"postgres": 120, "redis": 85}) {
				t.Errorf("figures of %+v", got)
			}
			if got.Source != rollup.SourceImported || got.Final != c.final || got.DaysWithData != c.days {
				t.Errorf("source %v, final %v, days %d", got.Source, got.Final, got.DaysWithData)
			}
			at, _ := time.Parse(time.RFC3339, c.collectedAt)
			if !got.CollectedAt.Equal(at) || got.CollectedAt.Location() != time.UTC {
				t.Errorf("collected at %v", got.CollectedAt)
			}
			if again := repair(t, dir, s); len(again.Imported) != 0 {
				t.Error("imported twice")
			}
			requireFresh(t, "after the import", dir, s)
		})
	}
}

// The store knows better than a file, whatever the file says.
func TestImportsNoKnownMonth(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	put(t, dir, "2026-03.json", original)
	if found := repair(t, dir, s); len(found.Imported) != 0 || s.snapshots[march].Clusters != 2 {
		t.Errorf("found %+v, month %+v", found, s.snapshots[march])
	}
	requireFresh(t, "after the repair", dir, s)
}

func TestIgnoresRubbish(t *testing.T) {
	edit := func(old, new string) string { return strings.Replace(original, old, new, 1) }
	ours := func(more string) string { return edit(`"month"`, more+`,"month"`) }
	rubbish := map[string]string{
		"notes.txt":                 "hello",
		"2026-3.json":               original,
		"2026-13.json":              original,
		"2026-03.json.bak":          original,
		".2026-03.json12x":          "not a temporary file of ours",
		"2026-02.json":              original, // another month inside
		"<b>\n.json":                "",
		"rollups/2026-02-30.jsonl":  "no such day",
		"rollups/2026-2-3.jsonl.gz": "",
		"rollups/2026-02-03.gz":     "",
		"rollups/2026-03-01.json":   "",
		"rollups/deep/down":         "",
		"2025-01.json":              "",
		"2025-02.json":              "{",
		"2025-03.json":              "null",
		"2025-04.json":              "[]",
		"2025-05.json":              edit("2026-03", "2025-05") + strings.Repeat(" ", maxJSONFile),
		"2025-06.json/in a folder":  "",
		"rollups/2025-06-01.jsonl/": "",
	}
	for name, content := range map[string]string{
		"zeros of a failed query":      edit(`"clusters":42`, `"clusters":0`),
		"negative":                     edit(`"total_nodes":210`, `"total_nodes":-1`),
		"above 2^53":                   edit(`"postgres":120`, `"postgres":9007199254740993`),
		"no integer":                   edit(`"total_nodes":210`, `"total_nodes":2.5`),
		"a field is missing":           edit(`"total_tenants":84,`, ``),
		"collected before the month":   edit("2026-04-01", "2026-02-01"),
		"something behind":             original + "{}",
		"unknown source":               ours(`"source":"hearsay"`),
		"source of periods only":       ours(`"source":"mixed"`),
		"final before its end":         strings.Replace(ours(`"source":"rollups","final":true`), "2026-04-01", "2026-03-20", 1),
		"more days than the month has": ours(`"source":"rollups","days_with_data":32`),
		"negative kind":                ours(`"source":"rollups","kinds":{"Redis":-1}`),
		"negative confirmed":           ours(`"source":"rollups","confirmed_clusters":-1`),
		"negative confirmed figure":    ours(`"source":"rollups","confirmed":{"clusters":1,"total_nodes":-1}`),
		"negative confirmed kind":      ours(`"source":"rollups","confirmed":{"kinds":{"Redis":-1}}`),
		"more confirmed days":          ours(`"source":"rollups","confirmed":{"days_with_data":32}`),
	} {
		t.Run(name, func(t *testing.T) {
			requireIgnored(t, map[string]string{"2026-03.json": content})
		})
	}
	t.Run("names", func(t *testing.T) { requireIgnored(t, rubbish) })
}

// requireIgnored repairs a folder with these files. Each must be warned of by its
// name, stay as it is, and keep nothing else from being written.
func requireIgnored(t *testing.T, rubbish map[string]string) {
	t.Helper()
	dir, s := t.TempDir(), newMemStore("db-1")
	s.report("cluster-a", march1, 3)
	for name, content := range rubbish {
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		put(t, dir, name, content)
	}
	found := repair(t, dir, s)
	after := folder(t, dir)
	for name, content := range rubbish {
		if !strings.HasSuffix(name, "/") && after[name] != content {
			t.Errorf("%q is now %q", name, after[name])
		}
	}
	if len(found.Warnings) != len(rubbish) || len(found.Imported) != 0 {
		t.Errorf("%d warnings for %d pieces of rubbish, imported %v:\n%s", len(found.Warnings), len(rubbish),
			found.Imported, strings.Join(found.Warnings, "\n"))
	}
	if !strings.Contains(after[march1Plain], "cluster-a") {
		t.Error("the day was not written")
	}
}

func TestRemovesLeftOvers(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	for _, name := range []string{
		".2026-03.json.123.tmp", "rollups/.2026-03-01.jsonl.9.tmp", "rollups/.2026-03-01.jsonl.gz.9.tmp", "rollups/.2026-03-02.jsonl.8.tmp/unfinished", "rollups/.manifest.json.77.tmp",
	} {
		put(t, dir, name, "half")
	}
	if found := repair(t, dir, s); len(found.Warnings) != 0 {
		t.Errorf("warnings: %q", found.Warnings)
	}
	requireFresh(t, "after the repair", dir, s)
}

// What stands in the way of one file must not keep the others from being written.
func TestGoesOnAfterAFailure(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	put(t, dir, "2026-03.json/blocked", "")
	put(t, dir, march1File+"/blocked", "")
	_, err := New(dir, s, Config{}).Repair(t.Context())
	if err == nil || !strings.Contains(err.Error(), "2026-03.json") || !strings.Contains(err.Error(), "1 errors more") {
		t.Errorf("Repair: %v", err)
	}
	if folder(t, dir)[march2File] == "" {
		t.Error("the other day was not written")
	}
	for _, name := range []string{"2026-03.json", march1File} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := New(dir, s, Config{}).Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireFresh(t, "after the way was cleared", dir, s)
}

func TestImportFailsWithTheStore(t *testing.T) {
	dir, s := t.TempDir(), newMemStore("db-1")
	put(t, dir, "2026-03.json", original)
	s.failPut = errors.New("file is full")
	_, err := New(dir, s, Config{}).Repair(t.Context())
	if !errors.Is(err, s.failPut) {
		t.Errorf("Repair: %v", err)
	}
	if folder(t, dir)["2026-03.json"] != original {
		t.Error("the file was changed")
	}
}

// A month's file that is too large to be one is bad, as one that is damaged: it does
// not keep the rest from being read.
func TestReadPassesOverALargeMonth(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "2026-02.json", strings.Repeat(" ", maxJSONFile+1))
	put(t, dir, "2026-03.json", original)
	var months, bad []string
	err := Read(t.Context(), dir, Reader{
		Month: func(s rollup.Snapshot) error {
			months = append(months, s.Month.String())
			return nil
		},
		Bad: func(file string, _ int, why error) error {
			bad = append(bad, file+": "+why.Error())
			return nil
		},
	})
	if err != nil || !slices.Equal(months, []string{"2026-03"}) || !slices.Equal(bad, []string{"2026-02.json: larger than 1048576 bytes"}) {
		t.Errorf("months %q, bad %q: %v", months, bad, err)
	}
}
