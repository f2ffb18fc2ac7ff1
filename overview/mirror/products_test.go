package mirror_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// key stands for the key of the file.
var key = []byte("0123456789abcdef0123456789abcdef")

var noon = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func openFile(t *testing.T, path string) *store.Store {
	t.Helper()
	s, err := store.Open(path, store.Options{Unfolded: []string{"kubeatlas"}})
	must(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// post records the sample of a product's report, as its decoder reads it.
func post(t *testing.T, s *store.Store, p product.Product, name string, at time.Time) (instance string) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("../../product", p.Name, "testdata", p.Name+".json"))
	must(t, err)
	decoder, err := product.NewDecoder(p, false)
	must(t, err)
	report, err := decoder.Decode(nil, body, func(string) string { return "Synapse/1.157.1" })
	must(t, err)
	instance = product.HashName(key, name)
	must(t, s.Record(t.Context(), rollup.Report{Product: p.Name, Instance: instance, Received: at, Samples: report.Samples}, nil))
	return instance
}

func postCluster(t *testing.T, s *store.Store, id string, at time.Time, nodes float64) {
	t.Helper()
	must(t, s.Record(t.Context(), rollup.Report{Product: rollup.Cozystack, Instance: id, Received: at, Samples: []rollup.Sample{
		{Series: `cozy_cluster_info{version="v1.2.0"}`, Value: 1}, {Series: "cozy_nodes_count", Value: nodes},
	}}, nil))
}

// fill records three days of every product, and a month's figures of two.
func fill(t *testing.T, s *store.Store) {
	t.Helper()
	for day := range 3 {
		at := noon.AddDate(0, 0, day)
		postCluster(t, s, "cluster-a", at, 3)
		post(t, s, synapse.Product(), "a.example.org", at)
		post(t, s, synapse.Product(), "b.example.org", at.Add(time.Hour))
		post(t, s, coroot.Product(), "6f9619ff", at)
		post(t, s, kubeatlas.Product(), fmt.Sprint("nonce", day), at.Truncate(24*time.Hour))
	}
	_, err := s.OfferSnapshot(t.Context(), rollup.Snapshot{
		Month: rollup.MonthOf(noon), CollectedAt: noon, Clusters: 1, TotalNodes: 3, DaysWithData: 3, Source: rollup.SourceRollups,
	})
	must(t, err)
	_, err = s.OfferProductSnapshot(t.Context(), productMonth())
	must(t, err)
	_, err = s.Exclude(t.Context(), []rollup.Exclusion{{Product: "synapse", Instance: product.HashName(key, "b.example.org"), At: noon}})
	must(t, err)
}

func productMonth() rollup.ProductSnapshot {
	return rollup.ProductSnapshot{
		Product: "synapse", Month: rollup.MonthOf(noon), CollectedAt: noon, Instances: 2, DaysWithData: 3, Source: rollup.SourceRollups,
		Metrics: map[string]float64{"total_users": 24.5}, Shares: map[string]map[string]int64{"version": {"1.157": 2}},
	}
}

// files returns the content of all files of a folder.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		all[name] = string(b)
		return err
	}))
	return all
}

func requireGood(t *testing.T, dir string, s *store.Store) mirror.Checked {
	t.Helper()
	n, err := mirror.Check(t.Context(), dir, s, func(file, why string) { t.Errorf("%s: %s", file, why) })
	must(t, err)
	return n
}

func sync(t *testing.T, dir string, s *store.Store, cfg mirror.Config) {
	t.Helper()
	must(t, mirror.New(dir, s, cfg).Sync(t.Context()))
}

// restore reads a folder into a new file.
func restore(t *testing.T, dir string) *store.Store {
	t.Helper()
	s := openFile(t, filepath.Join(t.TempDir(), "restored.db"))
	must(t, mirror.Read(t.Context(), dir, mirror.Reader{
		Day: func(date rollup.Date, product, instance string, d rollup.Day) error {
			return s.MergeDays(context.Background(), product, date, []rollup.InstanceDay{{Instance: instance, Day: d}})
		},
		Excluded: func(all []rollup.Exclusion) error { _, err := s.Exclude(context.Background(), all); return err },
		Month:    func(m rollup.Snapshot) error { _, err := s.OfferSnapshot(context.Background(), m); return err },
		ProductMonth: func(m rollup.ProductSnapshot) error {
			_, err := s.OfferProductSnapshot(context.Background(), m)
			return err
		},
		Bad: func(file string, line int, why error) error { t.Errorf("%s:%d: %v", file, line, why); return nil },
	}))
	return s
}

// Each product has a folder, Cozystack's files lie where they always have, and all comes
// back.
func TestFolderOfEachProduct(t *testing.T) {
	dir, s := t.TempDir(), openFile(t, filepath.Join(t.TempDir(), "telemetry.db"))
	fill(t, s)
	found, err := mirror.New(dir, s, mirror.Config{}).Repair(t.Context())
	if err != nil || len(found.Warnings)+len(found.Imported) > 0 {
		t.Errorf("repair: %+v, %v", found, err)
	}
	days := []string{"rollups/2026-03-01.jsonl.gz", "rollups/2026-03-02.jsonl.gz", "rollups/2026-03-03.jsonl", "rollups/manifest.json"}
	want := append([]string{"2026-03.json", "excluded.json", "synapse/2026-03.json"}, days...)
	for _, p := range []string{"coroot", "kubeatlas", "synapse"} {
		for _, name := range days {
			want = append(want, filepath.Join(p, name))
		}
	}
	slices.Sort(want)
	got := files(t, dir)
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, want) {
		t.Errorf("files\n%s\nwant\n%s", strings.Join(names, "\n"), strings.Join(want, "\n"))
	}
	if n := requireGood(t, dir, s); n.Days != 12 || n.Months != 2 {
		t.Errorf("checked %+v", n)
	}
	for name, content := range got {
		if strings.Contains(content, string(key)) || strings.Contains(content, "example.org") || strings.Contains(content, "nonce0") {
			t.Errorf("%s has a key or a name", name)
		}
	}

	again := restore(t, dir)
	other := t.TempDir()
	sync(t, other, again, mirror.Config{})
	for name, content := range files(t, other) {
		if strings.HasSuffix(name, "manifest.json") {
			continue
		}
		if content != got[name] {
			t.Errorf("%s is not what it was", name)
		}
	}
	if n := requireGood(t, dir, again); n.Days != 12 || !n.OfAnotherFile {
		t.Errorf("held against the restored file: %+v", n)
	}
}

// What one product reports changes no file of another.
func TestProductsChangeTheirOwnFolder(t *testing.T) {
	dir, s := t.TempDir(), openFile(t, filepath.Join(t.TempDir(), "telemetry.db"))
	fill(t, s)
	sync(t, dir, s, mirror.Config{})
	before := files(t, dir)
	m := mirror.New(dir, s, mirror.Config{})
	post(t, s, synapse.Product(), "c.example.org", noon)
	if behind, err := m.Behind(); behind != 1 || err != nil {
		t.Errorf("behind by %d, %v", behind, err)
	}
	must(t, m.Sync(t.Context()))
	var changed []string
	for name, content := range files(t, dir) {
		if content != before[name] {
			changed = append(changed, name)
		}
	}
	if slices.Sort(changed); !slices.Equal(changed, []string{"synapse/rollups/2026-03-01.jsonl.gz", "synapse/rollups/manifest.json"}) {
		t.Errorf("changed: %q", changed)
	}

	// Retention of one removes its files alone.
	_, err := s.Prune(t.Context(), "kubeatlas", store.Keep{Days: rollup.DateOf(noon) + 2})
	must(t, err)
	must(t, m.Sync(t.Context()))
	if n := requireGood(t, dir, s); n.Days != 10 {
		t.Errorf("checked %+v", n)
	}
	one := rollup.Selection{Product: "synapse", Instances: map[string]struct{}{product.HashName(key, "a.example.org"): {}}}
	if lines, err := m.Forget(t.Context(), one); lines != 3 || err != nil {
		t.Errorf("%d lines were forgotten, %v", lines, err)
	}
}

// One bound holds for the days of all products: of each the oldest ones have no room.
func TestBoundOverAllProducts(t *testing.T) {
	dir, s := t.TempDir(), openFile(t, filepath.Join(t.TempDir(), "telemetry.db"))
	fill(t, s)
	sync(t, dir, s, mirror.Config{})
	var all, oldest int64
	for name, content := range files(t, dir) {
		if strings.Contains(name, ".jsonl") {
			all += int64(len(content))
		}
		if strings.Contains(name, "2026-03-01") {
			oldest += int64(len(content))
		}
	}
	bound := all - oldest // two days of each
	m := mirror.New(dir, s, mirror.Config{DaysBytes: bound})
	must(t, m.Sync(t.Context()))
	var took int64
	for name, content := range files(t, dir) {
		if strings.Contains(name, ".jsonl") {
			took += int64(len(content))
			if strings.Contains(name, "2026-03-01") {
				t.Errorf("%s is still there", name)
			}
		}
	}
	if days, through, err := m.LeftOut(); took > bound || days != 4 || through != rollup.DateOf(noon) || err != nil {
		t.Errorf("%d of %d bytes; left out %d days through %s, %v", took, bound, days, through, err)
	}
	if n := requireGood(t, dir, s); n.Days != 8 || n.LeftOut != 4 {
		t.Errorf("checked %+v", n)
	}
	sync(t, dir, s, mirror.Config{DaysBytes: all})
	if n := requireGood(t, dir, s); n.Days != 12 || n.LeftOut != 0 {
		t.Errorf("with room checked %+v", n)
	}
}

// A file that is older in one product alone is behind its mirror, and what is set aside has
// all products.
func TestAheadInOneProduct(t *testing.T) {
	path, dir := filepath.Join(t.TempDir(), "telemetry.db"), t.TempDir()
	s := openFile(t, path)
	fill(t, s)
	must(t, s.Close())
	old, err := os.ReadFile(path)
	must(t, err)
	s = openFile(t, path)
	post(t, s, coroot.Product(), "6f9619ff", noon.AddDate(0, 0, 3))
	sync(t, dir, s, mirror.Config{})
	must(t, s.Close())
	must(t, os.WriteFile(path, old, 0o600))

	s = openFile(t, path)
	m := mirror.New(dir, s, mirror.Config{})
	days, err := m.Ahead()
	if !slices.Equal(days, []rollup.Date{rollup.DateOf(noon) + 3}) || err != nil {
		t.Errorf("ahead by %v, %v", days, err)
	}
	if err := m.Sync(t.Context()); !errors.Is(err, mirror.ErrAhead) {
		t.Errorf("sync: %v", err)
	}
	aside, err := m.SetAside(noon)
	must(t, err)
	must(t, m.Sync(t.Context()))
	requireGood(t, dir, s)
	if versions, err := restore(t, aside).DayVersions("coroot"); len(versions) != 4 || err != nil {
		t.Errorf("what was set aside has %v of coroot, %v", versions, err)
	}
}

// A product's months are taken over from the folder, and a folder that is somebody else's
// is left alone.
func TestImportOfProducts(t *testing.T) {
	dir, s := t.TempDir(), openFile(t, filepath.Join(t.TempDir(), "telemetry.db"))
	fill(t, s)
	sync(t, dir, s, mirror.Config{})
	copied := t.TempDir()
	must(t, os.CopyFS(copied, os.DirFS(dir)))
	must(t, os.CopyFS(filepath.Join(dir, "mycopy"), os.DirFS(copied)))
	if holds, err := mirror.Holds(dir); !holds || err != nil {
		t.Errorf("holds %t, %v", holds, err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "synapse/2026-02.json"), []byte(`{"product":"coroot","month":"2026-02"}`), 0o600))

	fresh := openFile(t, filepath.Join(t.TempDir(), "fresh.db"))
	found, err := mirror.New(dir, fresh, mirror.Config{}).Repair(t.Context())
	if want := []mirror.Month{{"cozystack", rollup.MonthOf(noon)}, {"synapse", rollup.MonthOf(noon)}}; !slices.Equal(found.Imported, want) || err != nil {
		t.Errorf("imported %v, %v", found.Imported, err)
	}
	for _, want := range []string{`"mycopy" is not a file of the mirror`, `"synapse/2026-02.json" is not imported: the product inside is another one`} {
		if !strings.Contains(strings.Join(found.Warnings, "\n"), want) {
			t.Errorf("no warning %s in\n%s", want, strings.Join(found.Warnings, "\n"))
		}
	}
	if got, ok, err := fresh.ProductSnapshot("synapse", rollup.MonthOf(noon)); !ok || err != nil || got.Metrics["total_users"] != 24.5 {
		t.Errorf("imported %+v, %t, %v", got, ok, err)
	}
	if excluded, err := fresh.Excluded(); len(excluded) != 1 || err != nil {
		t.Errorf("excluded %v, %v", excluded, err)
	}
}
