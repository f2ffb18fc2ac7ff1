package store

import (
	"bytes"
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// schema3 is a file of schema 3 with three clusters, two homeservers, a Coroot and some
// sessions of KubeAtlas: September folded, and its first days removed, October as days. It
// has all that a file can have: slots by day and by hour, exclusions, figures, a queue of two
// products, the key of names, counts of reports. Beside it lies what it must say.
func schema3(t *testing.T) string {
	t.Helper()
	packed, err := os.Open("testdata/schema3.db.gz")
	must(t, err)
	defer packed.Close()
	zip, err := gzip.NewReader(packed)
	must(t, err)
	b, err := io.ReadAll(zip)
	must(t, err)
	path := filepath.Join(t.TempDir(), "schema3.db")
	must(t, os.WriteFile(path, b, 0o600))
	return path
}

// content is all that a file says.
type content struct {
	Schema    uint64
	Database  string
	Key       string
	Products  map[string]*productContent
	Snapshots []rollup.Snapshot
	Figures   []rollup.ProductSnapshot
	Excluded  []rollup.Exclusion
	Apps      string
}

type productContent struct {
	// Days and Months are by date and month, and then by instance.
	Days   map[string]map[string]rollup.Day
	Months map[string]map[string]rollup.Month
	// Folded are how many days are, by month, and Reports how many reports were counted.
	Folded  map[string]int
	Reports map[string]int64
	Removed rollup.Date
	Totals  rollup.Date
	// Queue is what waits, unzipped.
	Queue string
}

func contentOf(t *testing.T, s *Store) (c content) {
	t.Helper()
	var err error
	must(t, s.view(func(tx *bolt.Tx) error { c.Schema = layout.SchemaOf(tx); return nil }))
	c.Database, c.Products = s.DatabaseID(), make(map[string]*productContent)
	key, err := s.IdentityKey(t.Context())
	must(t, err)
	c.Key = hex.EncodeToString(key)
	apps, err := s.AppList()
	must(t, err)
	c.Apps = string(apps)
	c.Snapshots, err = s.Snapshots()
	must(t, err)
	c.Figures, err = s.ProductSnapshots()
	must(t, err)
	c.Excluded, err = s.Excluded()
	must(t, err)
	st, err := s.Stats()
	must(t, err)
	for _, m := range st.Months {
		if c.Products[m.Product] == nil {
			c.Products[m.Product] = contentOfProduct(t, s, m.Product)
		}
		c.Products[m.Product].month(t, s, m)
	}
	return c
}

func contentOfProduct(t *testing.T, s *Store, product string) *productContent {
	t.Helper()
	p := &productContent{
		Days: map[string]map[string]rollup.Day{}, Months: map[string]map[string]rollup.Month{},
		Folded: map[string]int{}, Reports: map[string]int64{},
	}
	versions, err := s.DayVersions(product)
	must(t, err)
	for _, date := range slices.Sorted(maps.Keys(versions)) {
		day := make(map[string]rollup.Day)
		must(t, s.InstancesOf(t.Context(), product, date, func(instance string, d rollup.Day) error {
			day[instance] = rollup.Day{}.Merge(d)
			return nil
		}))
		p.Days[date.String()] = day
	}
	p.Removed, err = s.RemovedThrough(product)
	must(t, err)
	p.Totals, _, err = s.TotalsThrough(product)
	must(t, err)
	blocks, err := s.QueueOf(product).Peek(1 << 20)
	must(t, err)
	for _, b := range blocks {
		zip, err := gzip.NewReader(bytes.NewReader(b.Lines))
		must(t, err)
		lines, err := io.ReadAll(zip)
		must(t, err)
		p.Queue += string(lines)
	}
	return p
}

func (p *productContent) month(t *testing.T, s *Store, m MonthStats) {
	t.Helper()
	months := make(map[string]rollup.Month)
	must(t, s.FoldAll(t.Context(), m.Product, m.Month, m.Month, nil, func(instance string, all []rollup.Month) error {
		months[instance] = rollup.Month{Peaks: slices.Clone(all[0].Peaks), Metrics: slices.Clone(all[0].Metrics)}
		return nil
	}))
	reports, err := s.Reports(m.Product, m.Month)
	must(t, err)
	name := m.Month.String()
	p.Months[name], p.Folded[name], p.Reports[name] = months, m.Closed, reports
}

func encoded(t *testing.T, c content) []byte {
	t.Helper()
	b, err := json.MarshalIndent(c, "", " ")
	must(t, err)
	return append(b, '\n')
}

// A file of schema 3 says what it said when it was made: opened for reading, compacted,
// merged with itself, but for the queue and what it has removed, and opened by a server.
func TestFileOfSchema3(t *testing.T) {
	want, err := os.ReadFile("testdata/schema3.truth.json")
	must(t, err)
	path := schema3(t)
	checkClean(t, path)
	read, err := OpenReadOnly(path)
	must(t, err)
	if got := encoded(t, contentOf(t, read)); !bytes.Equal(got, want) {
		t.Errorf("opened for reading it says\n%s", got)
	}
	must(t, read.Close())
	compact, merged := filepath.Join(t.TempDir(), "compact.db"), filepath.Join(t.TempDir(), "merged.db")
	must(t, rewrite.Compact(t.Context(), path, compact, nil))
	c := openRead(t, compact)
	if got := encoded(t, contentOf(t, c)); !bytes.Equal(got, want) {
		t.Errorf("compacted it says\n%s", got)
	}
	must(t, c.Close())
	_, err = rewrite.Combine(t.Context(), merged, []string{path, compact}, nil)
	must(t, err)
	var whole content
	must(t, json.Unmarshal(want, &whole))
	for _, p := range whole.Products {
		p.Queue, p.Removed = "", 0 // a new file has removed nothing
	}
	m := openRead(t, merged)
	both := contentOf(t, m)
	must(t, m.Close())
	both.Database = whole.Database
	for name, p := range both.Products {
		if got, want := encoded(t, content{Products: map[string]*productContent{name: p}}), encoded(t, content{Products: map[string]*productContent{name: whole.Products[name]}}); !bytes.Equal(got, want) {
			t.Errorf("merged it says of %s\n%s, want\n%s", name, got, want)
		}
	}
	both.Products, whole.Products = nil, nil
	if got, want := encoded(t, both), encoded(t, whole); !bytes.Equal(got, want) {
		t.Errorf("merged it says\n%s, want\n%s", got, want)
	}
	s, err := Open(path, Options{Unfolded: []string{"kubeatlas"}})
	must(t, err)
	if got := encoded(t, contentOf(t, s)); !bytes.Equal(got, want) {
		t.Errorf("a server says\n%s", got)
	}
	must(t, s.Close())
	checkConsistency(t, path)
}
