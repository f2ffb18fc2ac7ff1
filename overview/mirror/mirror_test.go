package mirror

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const product = "cozystack"

// memStore is a Store in memory. Its versions grow as the file's do.
type memStore struct {
	mu        sync.Mutex
	id        string
	clock     uint64
	versions  map[rollup.Date]uint64
	removed   rollup.Date
	days      map[rollup.Date]map[[2]string]rollup.Day
	snapshots map[rollup.MonthID]rollup.Snapshot
	excluded  []rollup.Exclusion
	reads     int // days that were read
	failPut   error
	failRead  error
}

func newMemStore(id string) *memStore {
	return &memStore{
		id:        id,
		versions:  map[rollup.Date]uint64{},
		days:      map[rollup.Date]map[[2]string]rollup.Day{},
		snapshots: map[rollup.MonthID]rollup.Snapshot{},
	}
}

func (s *memStore) DatabaseID() string { return s.id }

// Products tells of no other product: those are tested with the file itself.
func (s *memStore) Products() ([]string, error) { return []string{product}, nil }

func (s *memStore) ProductSnapshots() ([]rollup.ProductSnapshot, error) { return nil, nil }

func (s *memStore) OfferProductSnapshot(_ context.Context, snap rollup.ProductSnapshot) (rollup.ProductSnapshot, error) {
	return snap, errors.New("no other product is expected")
}

func (s *memStore) DayVersions(product string) (map[rollup.Date]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if product != rollup.Cozystack {
		return nil, nil
	}
	return maps.Clone(s.versions), nil
}

func (s *memStore) RemovedThrough(string) (rollup.Date, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.removed, nil
}

func (s *memStore) InstancesOf(ctx context.Context, product string, date rollup.Date, fn func(instance string, d rollup.Day) error) error {
	s.mu.Lock()
	s.reads++
	day, err := maps.Clone(s.days[date]), s.failRead
	s.mu.Unlock()
	if err != nil {
		return err
	}
	keys := slices.SortedFunc(maps.Keys(day), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	for _, k := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		if k[0] != product {
			continue
		}
		if err := fn(k[1], day[k]); err != nil {
			return err
		}
	}
	return nil
}

func (s *memStore) Snapshots() ([]rollup.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []rollup.Snapshot
	for _, m := range slices.Sorted(maps.Keys(s.snapshots)) {
		all = append(all, s.snapshots[m])
	}
	return all, nil
}

func (s *memStore) OfferSnapshot(_ context.Context, snap rollup.Snapshot) (rollup.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failPut != nil {
		return snap, s.failPut
	}
	if stored, ok := s.snapshots[snap.Month]; ok {
		snap = rollup.Keep(stored, snap)
	}
	s.snapshots[snap.Month] = snap
	return snap, nil
}

func (s *memStore) Excluded() ([]rollup.Exclusion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.excluded), nil
}

func (s *memStore) Exclude(_ context.Context, all []rollup.Exclusion) (added int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.excluded = append(s.excluded, all...)
	return len(all), nil
}

// report merges a report of one instance into its day.
func (s *memStore) report(instance string, at time.Time, nodes float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := rollup.FromReport(rollup.Report{
		Product: product, Instance: instance, Received: at,
		Samples: []rollup.Sample{
			{Series: `cozy_cluster_info{version="v1.2.0"}`, Value: 1},
			{Series: `cozy_nodes_count{kernel="6.6.64-talos",os="linux"}`, Value: nodes},
		},
	})
	date, key := rollup.DateOf(at), [2]string{product, instance}
	if s.days[date] == nil {
		s.days[date] = map[[2]string]rollup.Day{}
	}
	s.days[date][key] = s.days[date][key].Merge(d)
	s.clock++
	s.versions[date] = s.clock
}

func (s *memStore) drop(date rollup.Date) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.days, date)
	delete(s.versions, date)
	s.removed = max(s.removed, date)
}

var (
	march1 = time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	march2 = march1.Add(24 * time.Hour)
	march  = rollup.NewMonth(2026, time.March)
)

const (
	march1File   = "rollups/2026-03-01.jsonl.gz"
	march1Plain  = "rollups/2026-03-01.jsonl" // while it is the newest day
	march2File   = "rollups/2026-03-02.jsonl"
	manifestFile = "rollups/manifest.json"
)

// filledStore has two days and one month.
func filledStore() *memStore {
	s := newMemStore("db-1")
	s.report("cluster-b", march1, 3)
	s.report("cluster-a", march1.Add(time.Hour), 5)
	s.report("cluster-a", march2, 6)
	s.snapshots[march] = rollup.Snapshot{
		Month: march, CollectedAt: march.End().Add(2 * time.Hour), Clusters: 2, TotalNodes: 9, TotalTenants: 4,
		Apps: map[string]int64{"postgres": 5, "http-cache": 0}, Kinds: map[string]int64{"Postgres": 5},
		DaysWithData: 2, Source: rollup.SourceRollups, Final: true,
	}
	return s
}

// folder returns the content of every file under dir, unzipped, by its path in dir.
func folder(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err == nil && strings.HasSuffix(path, ".gz") {
			b, err = unzip(b)
		}
		name, _ := filepath.Rel(dir, path)
		files[name] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func unzip(b []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// zip returns a text as the mirror writes it.
func zip(t testing.TB, text string) string {
	t.Helper()
	var b strings.Builder
	err := writeAs(zipped, &b, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// put writes a file, zipped if its name says so.
func put(t testing.TB, dir, name, content string) {
	t.Helper()
	if strings.HasSuffix(name, ".gz") {
		content = zip(t, content)
	}
	putRaw(t, dir, name, content)
}

func putRaw(t testing.TB, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// repair runs Repair, which must succeed, and returns what it found.
func repair(t testing.TB, dir string, s *memStore) Repaired {
	t.Helper()
	found, err := New(dir, s, Config{}).Repair(t.Context())
	if err != nil {
		t.Fatalf("Repair: %v", err)
	}
	return found
}

func TestWritesWhatTheStoreHolds(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data", "snapshots")
	s := filledStore()
	if found := repair(t, dir, s); len(found.Warnings)+len(found.Imported) != 0 {
		t.Errorf("found %+v in an empty folder", found)
	}
	got := folder(t, dir)
	want := map[string]string{
		"2026-03.json": `{
  "month": "2026-03",
  "collected_at": "2026-04-01T02:00:00Z",
  "clusters": 2,
  "total_nodes": 9,
  "total_tenants": 4,
  "apps": {
    "http-cache": 0,
    "postgres": 5
  },
  "kinds": {
    "Postgres": 5
  },
  "days_with_data": 2,
  "source": "rollups",
  "final": true
}
`,
		march1File: `{"product":"cozystack","instance":"cluster-a","first_hour":10,"last_hour":10,"series":{"cozy_cluster_info{version=\"v1.2.0\"}":{"peak":1,"last":1,"hour":10},"cozy_nodes_count{kernel=\"6.6.64-talos\",os=\"linux\"}":{"peak":5,"last":5,"hour":10}},"sums":{"cozy_cluster_info":1,"cozy_nodes_count":5}}
{"product":"cozystack","instance":"cluster-b","first_hour":9,"last_hour":9,"series":{"cozy_cluster_info{version=\"v1.2.0\"}":{"peak":1,"last":1,"hour":9},"cozy_nodes_count{kernel=\"6.6.64-talos\",os=\"linux\"}":{"peak":3,"last":3,"hour":9}},"sums":{"cozy_cluster_info":1,"cozy_nodes_count":3}}
`,
		march2File: `{"product":"cozystack","instance":"cluster-a","first_hour":9,"last_hour":9,"series":{"cozy_cluster_info{version=\"v1.2.0\"}":{"peak":1,"last":1,"hour":9},"cozy_nodes_count{kernel=\"6.6.64-talos\",os=\"linux\"}":{"peak":6,"last":6,"hour":9}},"sums":{"cozy_cluster_info":1,"cozy_nodes_count":6}}
`,
	}
	manifest := got[manifestFile]
	delete(got, manifestFile)
	if !maps.Equal(got, want) {
		t.Errorf("files are\n%v\nwant\n%v", got, want)
	}
	if !strings.HasPrefix(manifest, "{\n  \"database\": \"db-1\",\n") ||
		!strings.Contains(manifest, fmt.Sprintf("\"version\": 2,\n      \"bytes\": %d,\n", len(zip(t, want[march1File])))) {
		t.Errorf("manifest is %s", manifest)
	}
}

func TestIsPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "snapshots")
	repair(t, dir, filledStore())
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSyncReadsOnlyWhatChanged(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	repair(t, dir, s)
	m := New(dir, s, Config{})
	steps := []struct {
		name   string
		change func()
		reads  int
	}{
		{"nothing changed", func() {}, 0},
		{"a day changed", func() { s.report("cluster-c", march2, 1) }, 1},
		{"a file is gone", func() { os.Remove(filepath.Join(dir, march1File)) }, 1},
		{"the manifest is gone", func() { os.Remove(filepath.Join(dir, manifestFile)) }, 2},
		{"the manifest is broken", func() { put(t, dir, manifestFile, `{"database":"db-1"`) }, 2},
		{"another database", func() { s.id = "db-2" }, 2},
		{"nothing changed again", func() {}, 0},
	}
	for _, step := range steps {
		step.change()
		s.reads = 0
		if err := m.Sync(t.Context()); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if s.reads != step.reads {
			t.Errorf("%s: %d days read, want %d", step.name, s.reads, step.reads)
		}
		requireFresh(t, step.name, dir, s)
	}
}

// requireFresh holds dir against a mirror of the store in a new folder.
func requireFresh(t testing.TB, when, dir string, s *memStore) {
	t.Helper()
	fresh := t.TempDir()
	if _, err := New(fresh, s, Config{}).Repair(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := folder(t, dir), folder(t, fresh); !maps.Equal(got, want) {
		t.Errorf("%s: files are\n%v\nwant\n%v", when, got, want)
	}
}

func TestRepairUndoesEdits(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	repair(t, dir, s)
	edits := map[string]func(old string) string{
		"same size": func(old string) string { return strings.Replace(old, "5", "6", 1) },
		"cut off":   func(old string) string { return old[:len(old)/2] },
		"longer":    func(old string) string { return old + "\n" },
		"emptied":   func(string) string { return "" },
	}
	for name, old := range folder(t, dir) {
		for kind, edit := range edits {
			put(t, dir, name, edit(old))
			repair(t, dir, s)
			requireFresh(t, name+" "+kind, dir, s)
		}
	}
}

// A day that could not be repaired must not pass for clean later.
func TestForgetsNoDamage(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	repair(t, dir, s)
	put(t, dir, march1File, strings.Replace(folder(t, dir)[march1File], "5", "6", 1))
	s.failRead = errors.New("bad page")
	m := New(dir, s, Config{})
	if _, err := m.Repair(t.Context()); !errors.Is(err, s.failRead) {
		t.Errorf("Repair: %v", err)
	}
	s.failRead = nil
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireFresh(t, "after the read error", dir, s)
}

func TestRemovesDroppedDays(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	repair(t, dir, s)
	s.drop(rollup.DateOf(march1))
	if err := New(dir, s, Config{}).Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, march1File)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the dropped day's file: %v", err)
	}
	requireFresh(t, "after a dropped day", dir, s)
}

// A new, empty file beside the mirror of a lost one must not cost the last copy.
func TestKeepsDaysOfALostDatabase(t *testing.T) {
	dir := t.TempDir()
	repair(t, dir, filledStore())
	before := folder(t, dir)
	s := newMemStore("db-2")
	s.report("cluster-z", march2, 1)
	found := repair(t, dir, s)
	after := folder(t, dir)
	if after[march1File] != before[march1File] {
		t.Error("a day that the new database lacks was touched")
	}
	if len(found.Warnings) != 1 || !strings.Contains(found.Warnings[0], "2026-03-01.jsonl") {
		t.Errorf("warnings: %q", found.Warnings)
	}
	if !slices.Equal(found.Imported, []Month{{product, march}}) || s.snapshots[march].Source != rollup.SourceRollups {
		t.Errorf("imported %v, source %v", found.Imported, s.snapshots[march].Source)
	}
	if want := filledStore().snapshots[march]; !reflect.DeepEqual(s.snapshots[march], want) {
		t.Errorf("the month came back as %+v, want %+v", s.snapshots[march], want)
	}
}

// The manifest's keys become file names, so a forged one must not lead outside.
func TestManifestCannotNameOtherFiles(t *testing.T) {
	dir, s := t.TempDir(), newMemStore("db-1")
	put(t, dir, "precious.jsonl", "x")
	put(t, dir, manifestFile, `{"database":"db-1","days":{"../precious":{"version":1},"2026-3-1":{"version":1}}}`)
	repair(t, dir, s)
	if folder(t, dir)["precious.jsonl"] != "x" {
		t.Error("a file outside of the day folder is gone")
	}
}

func TestWriteSnapshot(t *testing.T) {
	dir, s := filepath.Join(t.TempDir(), "snapshots"), filledStore()
	m := New(dir, s, Config{})
	if err := m.WriteSnapshot(s.snapshots[march]); err != nil {
		t.Fatal(err)
	}
	got := folder(t, dir)["2026-03.json"]
	repair(t, dir, s)
	if want := folder(t, dir)["2026-03.json"]; got != want {
		t.Errorf("WriteSnapshot wrote %s, Repair %s", got, want)
	}
	if err := m.WriteSnapshot(rollup.Snapshot{Month: march + 1}); err != nil {
		t.Fatal(err)
	}
	if got := folder(t, dir)["2026-04.json"]; !strings.Contains(got, `"apps": {}`) {
		t.Errorf("apps must never be null: %s", got)
	}
}

func TestSyncStopsWithItsContext(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := New(dir, s, Config{}).Sync(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Sync: %v", err)
	}
	if err := New(dir, s, Config{}).Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireFresh(t, "after a broken-off Sync", dir, s)
}
