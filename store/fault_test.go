package store

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// The file can't grow, then not be written at all, then all is well again: in a
// process of its own, for the limit on file sizes is a process's.
func TestWritesThatFail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	runChild(t, "size", path)
	checkConsistency(t, path)
}

// fatalError lets a child use the helpers of the tests.
type fatalError struct{}

func (fatalError) Helper() {}

func (fatalError) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

func childMeetsSizeLimit(path string) error {
	t, ctx := fatalError{}, context.Background()
	signal.Ignore(syscall.SIGXFSZ)
	refuseToCreate(t, path)
	s, err := Open(path, Options{})
	must(t, err)
	want := make(model)
	var lines string
	record := func(n int, body []byte) error {
		r := report(uuid(n), march, "a")
		err := s.Record(ctx, r, body)
		if err == nil {
			want.add(r)
			lines += string(body)
		}
		return err
	}
	must(t, record(0, []byte("before 1 1\n")))

	info, err := os.Stat(path)
	must(t, err)
	must(t, limitFileSize(uint64(info.Size())))
	for n := 1; err == nil && n < 64; n++ {
		err = record(n, noise(700_000))
		compareQueue(t, s)
	}
	if err == nil || len(want) < 2 {
		t.Fatalf("growing the file: got %v after %d reports", err, len(want))
	}

	must(t, limitFileSize(uint64(2*os.Getpagesize()))) // the meta pages alone
	for range 2 {
		if err := record(100, []byte("refused 1 1\n")); err == nil {
			t.Fatalf("a report is taken though nothing can be written")
		}
		if s.Ready(ctx) == nil {
			t.Fatalf("ready though nothing can be written")
		}
		compareQueue(t, s)
		compareModels(t, stored(t, s), want)
	}

	must(t, limitFileSize(math.MaxUint64))
	must(t, s.Ready(ctx))
	must(t, record(100, []byte("after 1 1\n")))
	must(t, record(101, noise(700_000)))
	check := func() {
		compareQueue(t, s)
		compareModels(t, stored(t, s), want)
		if got := text(t, allBlocks(t, s)); got != lines {
			t.Fatalf("%d bytes wait in the queue, %d were acknowledged", len(got), len(lines))
		}
	}
	check()
	must(t, s.Close())
	s, err = Open(path, Options{})
	must(t, err)
	check()
	return s.Close()
}

// refuseToCreate makes the creation of the file fail, early and late. Nothing may
// be left of it that the next start stumbles over.
func refuseToCreate(t fatal, path string) {
	// bbolt begins with 4 pages; the schema takes more.
	for _, pages := range []int{0, 1, 3, 4, 5} {
		must(t, limitFileSize(uint64(pages*os.Getpagesize())))
		if _, err := Open(path, Options{}); err == nil {
			t.Fatalf("%d pages are enough for a file", pages)
		}
		entries, err := os.ReadDir(filepath.Dir(path))
		must(t, err)
		if len(entries) > 0 {
			t.Fatalf("a creation that failed after %d pages leaves %v", pages, entries)
		}
	}
	must(t, limitFileSize(math.MaxUint64))
}

// limitFileSize sets how large this process may make a file. The limit that can't
// be raised stays as it is.
func limitFileSize(bytes uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	limit.Cur = min(bytes, limit.Max)
	return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
}

// A commit may fail although the file has it: an I/O error when the meta page is
// flushed. A panic of bbolt behind the commit leaves the same state.
func TestCommitOfUnknownOutcome(t *testing.T) { synctest.Test(t, testCommitOfUnknownOutcome) }

func testCommitOfUnknownOutcome(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Record(t.Context(), report(uuid(1), march, "a"), []byte("first 1 1\n")))
	r := report(uuid(2), march, `new{x="1"}`)

	release := holdWriter(t, s)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { errs[0] = s.Record(context.Background(), r, []byte("second 1 1\n")) })
	wg.Go(func() {
		errs[1] = s.update(context.Background(), func(tx *bolt.Tx) error {
			tx.OnCommit(func() { tx.Bucket(layout.BucketMeta).Get(layout.KeyID) }) // of a transaction that has ended
			return nil
		})
	})
	synctest.Wait()
	release()
	wg.Wait()
	if errs[0] == nil || errs[1] == nil {
		t.Fatalf("got %v and %v", errs[0], errs[1])
	}
	compareQueue(t, s)
	if s.health.get() == nil {
		t.Error("healthy after a commit that failed")
	}
	must(t, s.Ready(t.Context()))

	// The client sends it again: the rollups have it once.
	must(t, s.Record(t.Context(), r, []byte("second 1 1\n")))
	want := make(model)
	want.add(report(uuid(1), march, "a"))
	want.add(r)
	compareModels(t, stored(t, s), want)
	compareQueue(t, s)
	must(t, s.Remove(t.Context(), allBlocks(t, s)))
	if got := s.Queue(); got != (QueueStats{}) {
		t.Errorf("an empty queue: %+v", got)
	}
}

// What a transaction that was rolled back added to a dictionary, and what it
// merged, must not be taken for stored.
func TestNothingOfARolledBackCommitIsRemembered(t *testing.T) {
	synctest.Test(t, testNothingOfARolledBackCommitIsRemembered)
}

func testNothingOfARolledBackCommitIsRemembered(t *testing.T) {
	s := open(t, Options{})
	want := make(model)
	recordAll(t, s, want, report(uuid(1), march, "a"))
	lost := report(uuid(2), march, `lost{x="1"}`, `lost{x="2"}`)
	lost.Digest = 7

	release := holdWriter(t, s)
	var wg sync.WaitGroup
	errs := make([]error, 2)
	wg.Go(func() { errs[0] = s.Record(context.Background(), lost, nil) })
	wg.Go(func() {
		// The queue is looked at last: without one the commit fails.
		errs[1] = s.update(context.Background(), func(tx *bolt.Tx) error {
			return tx.DeleteBucket(layout.BucketQueue)
		})
	})
	synctest.Wait()
	release()
	wg.Wait()
	if errs[0] == nil || errs[1] == nil {
		t.Fatalf("got %v and %v", errs[0], errs[1])
	}
	compareModels(t, stored(t, s), want)

	recordAll(t, s, want, report(uuid(3), march, "b"), report(uuid(4), march, `lost{x="2"}`))
	recordAll(t, s, want, lost)
	compareModels(t, stored(t, s), want)
	s = reopen(t, s)
	compareModels(t, stored(t, s), want)
}
