package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// traces returns where an instance is in a file: as text, as a packed key, or in the
// queue, and also whether a series is.
func traces(t *testing.T, path, instance, series string) (found []string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	forms := map[string][]byte{"text": []byte(instance), "series": []byte(series)}
	if key := record.Key(instance); key[0] == 0 {
		forms["packed"] = key[1:]
	}
	for name, form := range forms {
		if bytes.Contains(b, form) {
			found = append(found, name)
		}
	}
	s := openRead(t, path)
	defer s.Close()
	for _, block := range allBlocks(t, s) {
		lines, err := record.UnpackBlock(block)
		must(t, err)
		if bytes.Contains(lines, []byte(instance)) {
			found = append(found, "queue")
		}
	}
	return found
}

// selection is of some instances, on all days.
func selection(instances ...string) rollup.Selection {
	sel := rollup.Selection{Product: rollup.Cozystack, Instances: make(map[string]struct{})}
	for _, instance := range instances {
		sel.Instances[instance] = struct{}{}
	}
	return sel
}

// Not one byte of an instance is left in the file, and all others have what they had.
func TestForget(t *testing.T) {
	month := rollup.MonthOf(march)
	for _, gone := range []string{uuid(7), "a-text-id"} {
		t.Run(gone, func(t *testing.T) {
			private := rollup.Series(`a{name="private"}`)
			var want model = make(map[target]rollup.Day)
			path := fileOf(t, filepath.Join(t.TempDir(), "telemetry.db"), func(s *Store) {
				for d := range 40 {
					at := march.AddDate(0, 0, d-20)
					for i, instance := range []string{gone, uuid(1), uuid(2), "b-text-id"} {
						if d%4 == i && i > 0 {
							continue
						}
						r := report(instance, at, "a", rollup.Series(fmt.Sprintf(`b{d="%d"}`, d%3)))
						if instance == gone {
							r = report(instance, at, "a", private)
						} else {
							want.add(r)
						}
						must(t, s.Record(t.Context(), r, forwarded(r)))
					}
				}
				for _, m := range []rollup.MonthID{month - 1, month} {
					must(t, s.CloseDays(t.Context(), m, rollup.DateOf(march)))
				}
				offer(t, s, rollup.Snapshot{Month: month, Clusters: 4})
				must(t, s.PutAppList(t.Context(), []byte(`{}`)))
				// A day that was removed leaves its bytes in the file.
				removeDay(t, s, (month-1).First()+13)
				for k := range want {
					if k.date == (month-1).First()+13 {
						delete(want, k)
					}
				}
			})
			if got := traces(t, path, gone, string(private)); len(got) < 3 {
				t.Fatalf("the instance is only seen as %v", got)
			}
			must(t, os.Chmod(path, 0o640))
			before := openRead(t, path)
			id, versions, blocks := before.DatabaseID(), versionsOf(t, before), allBlocks(t, before)
			had := stored(t, before)
			must(t, before.Close())

			found, err := rewrite.Forget(t.Context(), path, selection(gone), march, nil)
			must(t, err)
			if got := traces(t, path, gone, string(private)); len(got) != 0 {
				t.Errorf("the instance is still there as %v", got)
			}
			checkClean(t, path)
			if mode := stateOf(t, path).mode; mode != 0o640 {
				t.Errorf("mode %o", mode)
			}
			s := openAt(t, path, Options{})
			compareModels(t, stored(t, s), want)
			if s.DatabaseID() != id {
				t.Error("it must stay the same database")
			}
			for date, version := range versionsOf(t, s) {
				_, had := had[target{date, "cozystack", gone}]
				if want := versions[date]; had && version <= want || !had && version != want {
					t.Errorf("%s: version %d became %d", date, want, version)
				}
			}
			// Two days' records, a month's own, and the lines: two of each report.
			if found.Records != 39+2 || found.Lines != 2*40 || found.Instances != 1 || found.NotFound != nil {
				t.Errorf("it found %+v", found)
			}
			for _, f := range folded(t, s, "cozystack", month-1, month+1, nil) {
				if f.instance == gone {
					t.Error("a month has it")
				}
			}
			if list, err := s.AppList(); err != nil || string(list) != "{}" {
				t.Errorf("list %s, %v", list, err)
			}
			if snap, ok, err := s.Snapshot(month); err != nil || !ok || snap.Clusters != 4 {
				t.Errorf("snapshot %+v, %v", snap, err)
			}
			checkQueueWithout(t, s, blocks, gone)
			// The file takes reports again, the instance's too.
			must(t, s.Record(t.Context(), report(gone, march, private), nil))
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func versionsOf(t *testing.T, s *Store) map[rollup.Date]uint64 {
	t.Helper()
	versions, err := s.DayVersions("cozystack")
	must(t, err)
	return versions
}

// checkQueueWithout compares the queue with what it was, less an instance's lines.
func checkQueueWithout(t *testing.T, s *Store, before []rollup.Block, gone string) {
	t.Helper()
	var want strings.Builder
	for line := range strings.Lines(text(t, before)) {
		if !strings.Contains(line, `cluster_id="`+gone+`"`) {
			want.WriteString(line)
		}
	}
	after := allBlocks(t, s)
	if got := text(t, after); got != want.String() {
		t.Error("the lines of the others are not what they were")
	}
	compareQueue(t, s)
	lines := 0
	for _, b := range after {
		lines += b.Samples
	}
	if lines != strings.Count(want.String(), "\n") {
		t.Errorf("the blocks say %d samples", lines)
	}
	last := after[len(after)-1].Seq
	must(t, s.Record(t.Context(), report(uuid(1), march.AddDate(0, 1, 0), "a"), []byte("a 1 1\n")))
	after = allBlocks(t, s)
	if next := after[len(after)-1].Seq; next <= last || next <= before[len(before)-1].Seq {
		t.Errorf("block %d follows %d", next, last)
	}
}

func TestForgetInABlockOfMany(t *testing.T) {
	at := func(ms int64) string { return fmt.Sprintf(" 1 %d\n", ms) }
	gone, other := `{cluster_id="g"`, `{cluster_id="gg"`
	lines := "a" + gone + `,x="\"g\""}` + at(5) + "b" + gone + "}" + at(5) + "a" + other + `,x="cluster_id=\"g\""}` + at(7) +
		"a" + gone + "}" + at(9) + "b" + other + "}" + at(9)
	path := fileOf(t, filepath.Join(t.TempDir(), "a.db"), func(s *Store) {
		value, err := record.NewBlockEncoder().Encode(rollup.Block{Received: time.UnixMilli(5), Reports: 4, Samples: 5}, slices.Values([][]byte{[]byte(lines)}))
		must(t, err)
		must(t, s.update(t.Context(), func(tx *bolt.Tx) error {
			q := tx.Bucket(layout.BucketQueue)
			return errors.Join(q.SetSequence(1), q.Put(record.BlockKey(1, "cozystack"), value))
		}))
	})
	found, err := rewrite.Forget(t.Context(), path, selection("g"), march, nil)
	must(t, err)
	s := openRead(t, path)
	defer s.Close()
	blocks := allBlocks(t, s)
	if found.Lines != 3 || len(blocks) != 1 {
		t.Fatalf("%+v, %d blocks", found, len(blocks))
	}
	b := blocks[0]
	if b.Seq != 1 || b.Reports != 2 || b.Samples != 2 || b.Received.UnixMilli() != 7 {
		t.Errorf("%+v", b)
	}
	if got, want := text(t, blocks), "a"+other+`,x="cluster_id=\"g\""}`+at(7)+"b"+other+"}"+at(9); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What stays of a block is of one report at least, however the lines of its reports lie.
func TestForgetLeavesAReportInABlock(t *testing.T) {
	lines := "a{cluster_id=\"g\"} 1 5\na{cluster_id=\"other\"} 1 5\nb{cluster_id=\"g\"} 1 5\n"
	path := fileOf(t, filepath.Join(t.TempDir(), "a.db"), func(s *Store) {
		must(t, s.Record(t.Context(), report("g", march, "a"), []byte(lines)))
	})
	_, err := rewrite.Forget(t.Context(), path, selection("g"), march, nil)
	must(t, err)
	s := openRead(t, path)
	defer s.Close()
	if blocks := allBlocks(t, s); len(blocks) != 1 || blocks[0].Reports != 1 || blocks[0].Samples != 1 {
		t.Errorf("%+v", blocks)
	}
}

// No one can tell what is in a block that can't be read.
func TestForgetRemovesUnreadableBlocks(t *testing.T) {
	path := fixture(t)
	tamper(t, path, func(tx *bolt.Tx) error {
		k, v := tx.Bucket(layout.BucketQueue).Cursor().First()
		return tx.Bucket(layout.BucketQueue).Put(k, append(bytes.Clone(v[:len(v)-10]), uuid(1)...))
	})
	before := openRead(t, path)
	blocks := before.Queue().Blocks
	must(t, before.Close())
	_, err := rewrite.Forget(t.Context(), path, selection(uuid(1)), march, nil)
	must(t, err)
	checkClean(t, path)
	if got := traces(t, path, uuid(1), "no such series"); len(got) != 0 {
		t.Errorf("the instance is still there as %v", got)
	}
	after := openRead(t, path)
	defer after.Close()
	if got := after.Queue().Blocks; got != blocks-1-6 {
		t.Errorf("%d blocks of %d are left", got, blocks)
	}
}

// The file that a symbolic link points to is rewritten, and the link stays.
func TestForgetThroughALink(t *testing.T) {
	path := fixture(t)
	link := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(path, link))
	found, err := rewrite.Forget(t.Context(), link, selection(uuid(1)), march, nil)
	must(t, err)
	if got := traces(t, path, uuid(1), "no such series"); found.Records == 0 || len(got) != 0 {
		t.Errorf("%+v, the instance is still there as %v", found, got)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is %v, %v", info, err)
	}
}

func TestForgetRefuses(t *testing.T) {
	live := open(t, Options{})
	for path, want := range map[string]error{
		live.path: dberrors.ErrLocked, filepath.Join(t.TempDir(), "none.db"): fs.ErrNotExist,
	} {
		if _, err := rewrite.Forget(t.Context(), path, selection("a"), march, nil); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

// Who waited for a file that was replaced must not get the old one.
func TestReplacedFileIsNotOpened(t *testing.T) {
	path := fixture(t)
	reader := openRead(t, path) // whose lock the other waits for
	result := make(chan error, 1)
	go func() {
		db, err := boltfile.OpenInPlace(path, false)
		if err == nil {
			err = errors.Join(errors.New("the old file was opened"), db.Close())
		}
		result <- err
	}()
	for waiting := false; !waiting; { // until the other has the file open
		waiting = openFiles(t, path) > 1
	}
	must(t, os.Rename(copyOfFile(t, path, path+".new"), path))
	must(t, reader.Close())
	if err := <-result; !errors.Is(err, dberrors.ErrLocked) {
		t.Errorf("got %v, want ErrLocked", err)
	}
}

// openFiles counts how often this process has a file open.
func openFiles(t *testing.T, path string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, e := range entries {
		if name, _ := os.Readlink("/proc/self/fd/" + e.Name()); name == path {
			n++
		}
	}
	return n
}

// The figures of one product are none of another one's who is forgotten.
func TestForgetOfAnotherProductAndFigures(t *testing.T) {
	month := rollup.MonthOf(march)
	path := fileOf(t, filepath.Join(t.TempDir(), "telemetry.db"), func(s *Store) {
		must(t, s.Record(t.Context(), report("same-id", march, "a"), nil))
		other := report("same-id", march, "a")
		other.Product = "synapse"
		must(t, s.Record(t.Context(), other, nil))
		offer(t, s, rollup.Snapshot{Month: month, Clusters: 2, Source: rollup.SourceRollups, CollectedAt: march})
		for m, final := range map[rollup.MonthID]bool{month: false, month - 1: true} {
			_, err := s.OfferProductSnapshot(t.Context(), rollup.ProductSnapshot{Product: "synapse", Month: m, Instances: 2, Source: rollup.SourceRollups, Final: final})
			must(t, err)
		}
	})
	forgetOne(t, path, "synapse", "same-id")
	s := openAt(t, path, Options{})
	if snap, _, err := s.Snapshot(month); err != nil || snap.Clusters != 2 {
		t.Errorf("cozystack's figures are %+v, %v", snap, err)
	}
	for m, want := range map[rollup.MonthID]int64{month: 0, month - 1: 2} {
		if snap, _, err := s.ProductSnapshot("synapse", m); err != nil || snap.Instances != want {
			t.Errorf("synapse's figures of %s are %+v, %v", m, snap, err)
		}
	}
	if got := stored(t, s); len(got) != 1 {
		t.Errorf("there is %v", got)
	}
}

// A month that is still counted is counted without the instance; a final one, one of
// the original server, and one that never had the instance keep their figures, but no
// confirmed ones: those come from the records alone, and are counted anew from them.
func TestForgetAndFigures(t *testing.T) {
	month := rollup.MonthOf(march)
	had := rollup.Snapshot{Clusters: 2, Source: rollup.SourceVictoriaMetrics, CollectedAt: march,
		Confirmed: &rollup.Confirmed{Clusters: 2, DaysWithData: 20}}
	for name, tc := range map[string]struct {
		change func(*rollup.Snapshot)
		want   int64 // after one cluster was counted
	}{
		"counted":       {func(*rollup.Snapshot) {}, 1},
		"final":         {func(s *rollup.Snapshot) { s.Final = true }, 2},
		"imported":      {func(s *rollup.Snapshot) { s.Source = rollup.SourceImported }, 2},
		"another month": {func(s *rollup.Snapshot) { s.Month++ }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			stored := had
			stored.Month = month
			tc.change(&stored)
			path := fileOf(t, filepath.Join(t.TempDir(), "telemetry.db"), func(s *Store) {
				must(t, s.Record(t.Context(), report("gone", march, "a"), nil))
				must(t, s.Record(t.Context(), report("stays", march, "a"), nil))
				offer(t, s, stored)
			})
			_, err := rewrite.Forget(t.Context(), path, selection("gone"), march, nil)
			must(t, err)
			s := openAt(t, path, Options{})
			kept, err := s.OfferSnapshot(t.Context(), rollup.Snapshot{
				Month: stored.Month, Clusters: 1, Source: rollup.SourceRollups, CollectedAt: march.Add(-time.Hour),
			})
			if err != nil || kept.Clusters != tc.want || (kept.Confirmed != nil) != (stored.Month != month) {
				t.Errorf("kept %+v, %v", kept, err)
			}
		})
	}
}
