package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// checkClean fails unless a file opens and has no problem.
func checkClean(t testing.TB, path string) {
	t.Helper()
	s, err := OpenReadOnly(path)
	if err != nil {
		t.Error(err)
		return
	}
	if err := s.Check(context.Background(), func(p Problem) { t.Errorf("%s: %+v", path, p) }, nil); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// Each backup has every report that was acknowledged before it was asked for.
func TestBackupsUnderLoad(t *testing.T) {
	s := open(t, Options{})
	var acknowledged [4]atomic.Int64
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for i := range acknowledged {
		senders.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				r := report(fmt.Sprintf("%d-%d", i, n), march, "cozy_cluster_info")
				if err := s.Record(context.Background(), r, noise(200)); err != nil {
					t.Error(err)
					return
				}
				acknowledged[i].Store(int64(n + 1))
			}
		})
	}
	folder := t.TempDir()
	for n := range 25 {
		must(t, s.Record(t.Context(), report(fmt.Sprintf("before-%d", n), march, "cozy_cluster_info"), nil))
		var want [len(acknowledged)]int64
		for i := range want {
			want[i] = acknowledged[i].Load()
		}
		path := filepath.Join(folder, fmt.Sprintf("%d.db", n))
		info, err := s.Backup(t.Context(), path)
		must(t, err)
		checkBackup(t, path, info)
		copied := openRead(t, path)
		for i, count := range want {
			for k := range count {
				if known, err := copied.Known("cozystack", fmt.Sprintf("%d-%d", i, k), march); err != nil || !known {
					t.Fatalf("backup %d lacks report %d of sender %d (%v)", n, k, i, err)
				}
			}
		}
		if known, err := copied.Known("cozystack", fmt.Sprintf("before-%d", n), march); err != nil || !known {
			t.Fatalf("backup %d lacks the report before it (%v)", n, err)
		}
		must(t, copied.Close())
	}
	close(stop)
	senders.Wait()
	t.Logf("%d reports of one sender meanwhile", acknowledged[0].Load())
	if acknowledged[0].Load() < 25 {
		t.Error("there was no load")
	}
}

func checkBackup(t *testing.T, path string, info BackupInfo) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	digest := sha256.Sum256(b)
	if info.Bytes != int64(len(b)) || info.SHA256 != hex.EncodeToString(digest[:]) {
		t.Errorf("%s is said to be %+v", path, info)
	}
	checkClean(t, path)
}

// A backup that fails leaves nothing that looks like one, and the next one clears
// away what a crash has left.
func TestBackupIsWholeOrAbsent(t *testing.T) {
	s := open(t, Options{})
	must(t, s.Record(t.Context(), report("a", march, "a"), noise(1<<20)))
	folder := t.TempDir()
	path := filepath.Join(folder, "telemetry.db")
	list := func() (names []string) {
		entries, err := os.ReadDir(folder)
		must(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Backup(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := s.Backup(t.Context(), filepath.Join(folder, "none", "telemetry.db")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if names := list(); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
	others := []string{".another.db.12.tmp", ".telemetry.db.tmp", ".telemetry.db.x.tmp", "telemetry.db.12.tmp"}
	for _, name := range append(others, ".telemetry.db.12.tmp") {
		must(t, os.WriteFile(filepath.Join(folder, name), []byte("half"), 0o600))
	}
	info, err := s.Backup(t.Context(), path)
	must(t, err)
	checkBackup(t, path, info)
	if got, want := list(), append(others, "telemetry.db"); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("the folder has %v, want %v", got, want)
	}
	for _, taken := range []string{path, s.path} {
		before := stateOf(t, taken)
		if _, err := s.Backup(t.Context(), taken); !errors.Is(err, fs.ErrExist) {
			t.Errorf("got %v, want fs.ErrExist", err)
		}
		if stateOf(t, taken) != before {
			t.Errorf("%s was changed", taken)
		}
	}
}

// A copy that is not what the transaction saw does not get the name of a backup.
func TestDamagedCopyIsRefused(t *testing.T) {
	good := goodFile(t)
	damages := map[string]func(temp string) (int, error){
		"cut off": func(temp string) (int, error) {
			return 0, os.WriteFile(temp, good[:len(good)-1], 0o600)
		},
		"a key less": func(temp string) (int, error) {
			return 1 << 20, os.WriteFile(temp, good, 0o600)
		},
	}
	for name, damage := range damages {
		folder := t.TempDir()
		if err := boltfile.Create(filepath.Join(folder, "a.db"), layout.CheckSchema, damage); !errors.Is(err, dberrors.ErrDamaged) {
			t.Errorf("%s: got %v, want ErrDamaged", name, err)
		}
		if entries, _ := os.ReadDir(folder); len(entries) != 0 {
			t.Errorf("%s: left behind: %v", name, entries)
		}
	}
}

// A file that somebody else makes while a copy is under way is not replaced.
func TestFileThatComesMeanwhile(t *testing.T) {
	s := open(t, Options{})
	path := filepath.Join(t.TempDir(), "a.db")
	err := boltfile.Create(path, layout.CheckSchema, func(temp string) (int, error) {
		must(t, os.WriteFile(path, []byte("mine"), 0o600))
		_, keys, err := s.spool(t.Context(), temp)
		return keys, err
	})
	content, _ := os.ReadFile(path)
	entries, _ := os.ReadDir(filepath.Dir(path))
	if !errors.Is(err, fs.ErrExist) || string(content) != "mine" || len(entries) != 1 {
		t.Errorf("%v; the file is %.10q in %v", err, content, entries)
	}
}

// Commits do not wait for a backup, and the file stays below twice its size.
func TestBackupBesideCommits(t *testing.T) {
	s := open(t, Options{})
	for i := range 100 { // 100 MiB, for half of a hexadecimal text is packed away
		must(t, s.Record(t.Context(), report(uuid(i), march, "a"), noise(2<<20)))
	}
	before, err := s.SizeBytes()
	must(t, err)
	quiet := latencies(t, s, func(n int) bool { return n < 200 })
	var done atomic.Bool
	var took time.Duration
	var backup sync.WaitGroup
	path := filepath.Join(t.TempDir(), "backup.db")
	backup.Go(func() {
		defer done.Store(true)
		start := time.Now()
		_, err := s.Backup(context.Background(), path)
		took = time.Since(start)
		if err != nil {
			t.Error(err)
		}
	})
	busy := latencies(t, s, func(int) bool { return !done.Load() })
	backup.Wait()
	after, err := s.SizeBytes()
	must(t, err)
	t.Logf("%d MiB in %s; commits: median %s, longest %s; meanwhile %d with median %s, longest %s; file %d MiB",
		before>>20, took, median(quiet), slices.Max(quiet), len(busy), median(busy), slices.Max(busy), after>>20)
	if len(busy) < 10 {
		t.Errorf("only %d commits while a backup took %s", len(busy), took)
	}
	if after >= 2*before {
		t.Errorf("the file grew from %d to %d bytes", before, after)
	}
	checkClean(t, path)
}

// latencies records a report after the other while more says so.
func latencies(t testing.TB, s *Store, more func(n int) bool) (took []time.Duration) {
	t.Helper()
	for n := 0; more(n); n++ {
		start := time.Now()
		must(t, s.Record(context.Background(), report(uuid(n%100), march.Add(time.Duration(n)*time.Minute), "a", "b"), noise(2000)))
		took = append(took, time.Since(start))
	}
	return took
}

func median(d []time.Duration) time.Duration {
	return slices.Sorted(slices.Values(d))[len(d)/2]
}

func TestCompact(t *testing.T) {
	path := fixture(t)
	s := openAt(t, path, Options{})
	must(t, s.Record(t.Context(), report("big", march, "a"), noise(4<<20)))
	blocks := allBlocks(t, s)
	must(t, s.Remove(t.Context(), blocks[len(blocks)-1:]))
	to := filepath.Join(t.TempDir(), "new.db")
	if err := rewrite.Compact(t.Context(), path, to, nil); !errors.Is(err, dberrors.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
	must(t, s.Close())
	before := stateOf(t, path)
	var done, total int64
	must(t, rewrite.Compact(t.Context(), path, to, func(d, all int64) {
		if d < done || d > all {
			t.Errorf("progress from %d to %d of %d", done, d, all)
		}
		done, total = d, all
	}))
	if done != total || total == 0 {
		t.Errorf("progress ends at %d of %d", done, total)
	}
	if after := stateOf(t, path); after != before {
		t.Error("the file was changed")
	}
	checkClean(t, to)
	compareFiles(t, to, path)
	if was, is := stateSize(t, path), stateSize(t, to); is*2 > was {
		t.Errorf("%d bytes became %d", was, is)
	}
	a, b := openRead(t, path), openRead(t, to)
	if !slices.Equal(raw(t, a), raw(t, b)) {
		t.Error("a key, a value or a sequence differs")
	}
	must(t, errors.Join(a.Close(), b.Close()))
	if err := rewrite.Compact(t.Context(), path, to, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("got %v, want fs.ErrExist", err)
	}
	if err := rewrite.Compact(t.Context(), path+"x", to+"x", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	live := openAt(t, to, Options{}) // and takes reports again
	must(t, live.Record(t.Context(), report("late", march, "new"), nil))
}

// raw returns every key, value and sequence of a file as text.
func raw(t fatal, s *Store) (all []string) {
	t.Helper()
	var walk func(b *bolt.Bucket) error
	walk = func(b *bolt.Bucket) error {
		return b.ForEach(func(k, v []byte) error {
			if v != nil {
				all = append(all, fmt.Sprintf("%x=%x", k, v))
				return nil
			}
			all = append(all, fmt.Sprintf("%x %d", k, b.Bucket(k).Sequence()))
			return walk(b.Bucket(k))
		})
	}
	must(t, s.view(func(tx *bolt.Tx) error { return walk(boltfile.Root(tx)) }))
	return all
}

// compareFiles fails unless two files have the same days, months and figures.
func compareFiles(t fatal, got, want string) {
	t.Helper()
	a, b := openRead(t, got), openRead(t, want)
	defer a.Close()
	defer b.Close()
	compareStores(t, a, b)
}

func compareStores(t fatal, a, b *Store) {
	t.Helper()
	compareModels(t, stored(t, a), stored(t, b))
	compareMonths(t, ownMonths(t, a), ownMonths(t, b))
	snapsA, err := a.Snapshots()
	must(t, err)
	snapsB, err := b.Snapshots()
	must(t, err)
	if fmt.Sprintf("%+v", snapsA) != fmt.Sprintf("%+v", snapsB) {
		t.Fatalf("snapshots\ngot  %+v\nwant %+v", snapsA, snapsB)
	}
	listA, err := a.AppList()
	must(t, err)
	listB, err := b.AppList()
	must(t, err)
	if string(listA) != string(listB) {
		t.Fatalf("lists of applications: got %s, want %s", listA, listB)
	}
	excludedA, err := a.Excluded()
	must(t, err)
	excludedB, err := b.Excluded()
	must(t, err)
	if !slices.Equal(excludedA, excludedB) {
		t.Fatalf("excluded\ngot  %+v\nwant %+v", excludedA, excludedB)
	}
}

// ownMonth is a record of a month, or, without an instance, its sets of days.
type ownMonth struct {
	product, instance string
	month             rollup.MonthID
}

// monthsOf returns the months of which a file has anything.
func monthsOf(t fatal, s *Store) (months []rollup.MonthID) {
	t.Helper()
	must(t, s.view(func(tx *bolt.Tx) (err error) {
		months, err = layout.MonthsOf(tx)
		return err
	}))
	return months
}

// ownMonths returns the months' own records, and which days are in them.
func ownMonths(t fatal, s *Store) map[ownMonth]rollup.Month {
	t.Helper()
	all := make(map[ownMonth]rollup.Month)
	months := monthsOf(t, s)
	for _, month := range months {
		var names []layout.PartitionName
		must(t, s.view(func(tx *bolt.Tx) (err error) {
			names, err = layout.Partitions(tx, month)
			return err
		}))
		for _, name := range names {
			if name.Day != 0 {
				continue
			}
			must(t, layout.EachMonth(context.Background(), s.view, name, nil, func(chunk []rollup.InstanceMonth) error {
				for _, m := range chunk {
					all[ownMonth{name.Product, m.Instance, month}] = m.Month
				}
				return nil
			}))
		}
		must(t, s.view(func(tx *bolt.Tx) error {
			products, err := layout.ProductsOf(tx, month)
			for _, product := range products {
				for _, key := range layout.MonthKeys() {
					if days := layout.DaySet(layout.MonthOf(tx, month, product), key); days != 0 {
						all[ownMonth{product: product + "/" + string(key), month: month}] = rollup.Month{Metrics: []rollup.MetricMonth{{Days: days}}}
					}
				}
			}
			return err
		}))
	}
	return all
}

func compareMonths(t fatal, got, want map[ownMonth]rollup.Month) {
	t.Helper()
	for k, m := range want {
		if !sameMonth(got[k], m) {
			t.Fatalf("%+v:\ngot  %+v\nwant %+v", k, got[k], m)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d records of months, want %d", len(got), len(want))
	}
}
