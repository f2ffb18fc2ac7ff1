package store

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// open opens a new file that is checked when the test ends.
func open(t testing.TB, opts Options) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "telemetry.db"), opts)
}

// openAt opens a file. When the test ends, the file is closed and must pass
// bbolt's own check.
func openAt(t testing.TB, path string, opts Options) *Store {
	t.Helper()
	s, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		checkConsistency(t, path)
	})
	return s
}

// reopen closes a store and opens its file again.
func reopen(t testing.TB, s *Store) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openAt(t, s.path, s.opts)
}

// checkConsistency runs bbolt's own check on a closed file.
func checkConsistency(t testing.TB, path string) {
	t.Helper()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Error(err)
		return
	}
	err = db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("bbolt's check: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// fatal is what *testing.T and *rapid.T have in common.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

func must(t fatal, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

// offer stores a snapshot, if there is no better one.
func offer(t fatal, s *Store, snap rollup.Snapshot) {
	t.Helper()
	_, err := s.OfferSnapshot(context.Background(), snap)
	must(t, err)
}

// march is a day that most tests report on.
var march = time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)

// report returns a report of some series, each with the value 1.
func report(instance string, received time.Time, series ...rollup.Series) rollup.Report {
	r := rollup.Report{Product: "cozystack", Instance: instance, Received: received}
	for _, s := range slices.Sorted(slices.Values(series)) {
		r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: 1})
	}
	return r
}

// uuid returns the n-th of some instance ids that are UUIDs. Their keys lie in all
// stretches that the workers of a fold have, as those of clusters do.
func uuid(n int) string { return fmt.Sprintf("%02x%06x-0000-4000-8000-%012x", byte(97*n), n, n) }

// randomReport draws from few series and values, so that reports collide. The
// fractions' sum depends on the order of adding, and may be an integer.
func randomReport(product, instance string, received time.Time) *rapid.Generator[rollup.Report] {
	series := []rollup.Series{"a", `a{x="1"}`, `a{x="2"}`, `a{x="3"}`, "a_b", `a_b{x="1"}`, "b", `c{x="1"}`}
	values := []float64{0, 1, 2, 0.1, 0.2, 0.7, 1<<52 + 1, 1 << 53}
	return rapid.Custom(func(t *rapid.T) rollup.Report {
		set := rapid.SliceOfNDistinct(rapid.SampledFrom(series), 1, 5, rapid.ID[rollup.Series]).Draw(t, "series")
		slices.Sort(set)
		r := rollup.Report{Product: product, Instance: instance, Received: received}
		for _, s := range set {
			r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: rapid.SampledFrom(values).Draw(t, "value")})
		}
		return r
	})
}

// allBlocks returns the whole queue, of all products.
func allBlocks(t fatal, s *Store) (all []rollup.Block) {
	t.Helper()
	s.queue.mu.Lock()
	products := slices.Collect(maps.Keys(s.queue.products))
	s.queue.mu.Unlock()
	for _, product := range products {
		all = append(all, waitingFor(t, s, product)...)
	}
	slices.SortFunc(all, func(a, b rollup.Block) int { return cmp.Compare(a.Seq, b.Seq) })
	return all
}

// text unpacks blocks as one gzip stream, with the standard library's reader.
func text(t fatal, blocks []rollup.Block) string {
	t.Helper()
	var packed bytes.Buffer
	for _, b := range blocks {
		packed.Write(b.Lines)
	}
	if packed.Len() == 0 {
		return ""
	}
	zip, err := gzip.NewReader(&packed)
	must(t, err)
	out, err := io.ReadAll(zip)
	must(t, err)
	return string(out)
}

// compareQueue fails unless the statistics are those of the file's content.
func compareQueue(t fatal, s *Store) {
	t.Helper()
	want := QueueStats{}
	must(t, s.view(func(tx *bolt.Tx) error {
		return tx.Bucket(layout.BucketQueue).ForEach(func(_, v []byte) error {
			want.Blocks++
			want.Bytes += int64(len(v))
			return nil
		})
	}))
	if blocks := allBlocks(t, s); len(blocks) > 0 {
		want.Oldest = blocks[0].Received
	}
	got := s.Queue()
	if got.Blocks != want.Blocks || got.Bytes != want.Bytes || !got.Oldest.Equal(want.Oldest) {
		t.Fatalf("the queue is said to be %+v, the file has %+v", got, want)
	}
}

// holdWriter keeps the writer busy until release is called, so that what is
// handed in meanwhile comes into one transaction. It returns once the writer is
// busy. In a synctest bubble, synctest.Wait then waits until all the rest is
// handed in.
func holdWriter(t testing.TB, s *Store) (release func()) {
	t.Helper()
	busy, free := make(chan struct{}), make(chan struct{})
	done := make(chan error, 1)
	go func() {
		done <- s.remove(context.Background(), func(*bolt.Tx, *layout.Dictionaries) error {
			close(busy)
			<-free
			return nil
		})
	}()
	<-busy
	return func() {
		close(free)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
