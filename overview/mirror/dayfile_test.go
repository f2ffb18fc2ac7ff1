package mirror

import (
	"context"
	"errors"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// rawOf returns a file as it lies on the disk.
func rawOf(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// read returns whose lines a folder has, by day, and what is bad in it.
func read(t *testing.T, dir string) (lines, bad []string) {
	t.Helper()
	err := Read(t.Context(), dir, Reader{
		Day: func(date rollup.Date, _, instance string, _ rollup.Day) error {
			lines = append(lines, date.String()+" "+instance)
			return nil
		},
		Month: func(rollup.Snapshot) error { return nil },
		Bad: func(file string, _ int, why error) error {
			bad = append(bad, file+": "+why.Error())
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines, bad
}

// The newest day is plain; once there is a day after it, it is a file that other
// programs unzip, and that is the same whenever it is written.
func TestDaysThatHaveEndedAreZipped(t *testing.T) {
	dir, s := t.TempDir(), newMemStore("db-1")
	s.report("cluster-a", march1, 5)
	repair(t, dir, s)
	lines := rawOf(t, dir, march1Plain)
	s.report("cluster-a", march2, 6)
	m := New(dir, s, Config{})
	if err := m.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, march1Plain)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the plain file: %v", err)
	}
	out, err := exec.Command("zcat", filepath.Join(dir, march1File)).Output()
	if err != nil || string(out) != lines {
		t.Errorf("zcat says %q, %v, want %q", out, err, lines)
	}
	first := rawOf(t, dir, march1File)
	if err := os.Remove(filepath.Join(dir, march1File)); err != nil {
		t.Fatal(err)
	}
	if err := m.Sync(t.Context()); err != nil || rawOf(t, dir, march1File) != first {
		t.Errorf("written again it is another file: %v", err)
	}
}

// older turns a mirror into the one that a version without gzip has left.
func older(t *testing.T, dir string, s *memStore) {
	t.Helper()
	m := New(dir, s, Config{})
	day := rollup.DateOf(march1)
	e, err := m.part(product).writeDayAs(t.Context(), day, plain, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	list := m.part(product).readManifest()
	e.Version = list.Days[day.String()].Version
	list.Days[day.String()] = e
	if err := errors.Join(m.part(product).writeManifest(list), os.Remove(filepath.Join(dir, march1File))); err != nil {
		t.Fatal(err)
	}
}

// What an older version has left is read as it is, held against the store, forgotten
// from, and zipped at the next turn.
func TestMirrorOfAnOlderVersion(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	repair(t, dir, s)
	older(t, dir, s)
	want := []string{"2026-03-01 cluster-a", "2026-03-01 cluster-b", "2026-03-02 cluster-a"}
	if lines, bad := read(t, dir); !slices.Equal(lines, want) || len(bad) != 0 {
		t.Errorf("read %q, bad %q", lines, bad)
	}
	n, err := Check(t.Context(), dir, s, func(file, why string) { t.Error(file, why) })
	if n.Days != 2 || err != nil {
		t.Errorf("%+v, %v", n, err)
	}
	if err := New(dir, s, Config{}).Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireFresh(t, "after a turn", dir, s)

	older(t, dir, s)
	aside, err := New(dir, s, Config{}).SetAside(march2)
	if err != nil {
		t.Fatal(err)
	}
	if lines, _ := read(t, aside); !slices.Equal(lines, want) {
		t.Errorf("set aside are %q", lines)
	}
	if lines, err := New(aside, newMemStore("db-1"), Config{}).forgetDays(t.Context(), only("cluster-a")); lines != 2 || err != nil {
		t.Errorf("%d lines are forgotten, %v", lines, err)
	}
}

// watchedStore tells when a day is read.
type watchedStore struct {
	*memStore
	onRead func(rollup.Date)
}

func (s watchedStore) InstancesOf(ctx context.Context, product string, date rollup.Date, fn func(instance string, d rollup.Day) error) error {
	s.onRead(date)
	return s.memStore.InstancesOf(ctx, product, date, fn)
}

// A mirror of many plain days takes a while to zip: each day is named by the manifest
// before the next one is written, so that a kill costs one day's name at most.
func TestManifestKeepsUpWithATurn(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	repair(t, dir, s)
	older(t, dir, s)
	s.report("cluster-b", march2, 1)
	reads := 0
	watched := watchedStore{s, func(day rollup.Date) {
		if reads++; day != rollup.DateOf(march1) { // the newest day comes first
			return
		}
		if _, bad := read(t, dir); len(bad) != 0 {
			t.Errorf("within the turn bad %q", bad)
		}
	}}
	if err := New(dir, watched, Config{}).Sync(t.Context()); err != nil || reads != 2 {
		t.Errorf("%d days read, %v", reads, err)
	}
}

// A kill between the new form and the removal of the old one leaves both. All lines are
// read, one is named, and the next start has one again. Forgetting spares neither.
func TestDayInBothForms(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	repair(t, dir, s)
	put(t, dir, march1Plain, strings.SplitAfter(folder(t, dir)[march1File], "\n")[0])
	lines, bad := read(t, dir)
	if len(lines) != 4 || len(bad) != 1 || !strings.HasPrefix(bad[0], march1Plain+": not the file that the manifest names") {
		t.Errorf("read %q, bad %q", lines, bad)
	}
	told := map[string]bool{}
	if n, err := Check(t.Context(), dir, s, func(file, _ string) { told[file] = true }); n.Days != 1 || !maps.Equal(told, map[string]bool{march1Plain: true, march1File: true}) || err != nil {
		t.Errorf("%+v, bad %v, %v", n, told, err)
	}
	if days, err := New(dir, s, Config{}).Ahead(); len(days) != 0 || err != nil {
		t.Errorf("ahead by %v, %v", days, err)
	}
	delete(s.days[rollup.DateOf(march1)], [2]string{product, "cluster-a"})
	if n, err := New(dir, s, Config{}).Forget(t.Context(), only("cluster-a")); n != 3 || err != nil {
		t.Errorf("%d lines are forgotten, %v", n, err)
	}
	if _, err := os.Stat(filepath.Join(dir, march1Plain)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the plain file: %v", err)
	}
	s.drop(rollup.DateOf(march1))
	put(t, dir, march1Plain, "")
	if err := New(dir, s, Config{}).Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	requireFresh(t, "after the day was dropped", dir, s)
}

// A file that is no whole gzip is told, keeps nothing else from being read, is written
// anew at a start, and keeps nothing from being forgotten.
func TestDamagedGzip(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	repair(t, dir, s)
	good := rawOf(t, dir, march1File)
	flipped := []byte(good)
	flipped[len(flipped)-6] ^= 1 // of the checksum
	for name, raw := range map[string]string{
		"empty": "", "within the head": good[:5], "half": good[:len(good)/2], "without its end": good[:len(good)-1],
		"another checksum": string(flipped), "plain text": "{}\n", "something behind": good + "x",
	} {
		t.Run(name, func(t *testing.T) {
			putRaw(t, dir, march1File, raw)
			lines, bad := read(t, dir)
			if len(bad) == 0 || !strings.Contains(bad[len(bad)-1], march1File+": not a whole gzip file") || !slices.Contains(lines, "2026-03-02 cluster-a") {
				t.Errorf("read %q, bad %q", lines, bad)
			}
			told := map[string]string{}
			if _, err := Check(t.Context(), dir, s, func(file, why string) { told[file] = why }); err != nil || len(told) != 1 || told[march1File] == "" {
				t.Errorf("bad %q, %v", told, err)
			}
			if holds, err := Holds(dir); !holds || err != nil {
				t.Errorf("holds %v, %v", holds, err)
			}
			before := maps.Clone(s.days[rollup.DateOf(march1)])
			if n, err := New(dir, s, Config{}).Forget(t.Context(), only("nobody")); n != 1 || err != nil {
				t.Errorf("%d lines are forgotten, %v", n, err)
			}
			s.days[rollup.DateOf(march1)] = before
			requireFresh(t, "after it was forgotten from", dir, s)
			putRaw(t, dir, march1File, raw)
			repair(t, dir, s)
			requireFresh(t, "after a start", dir, s)
		})
	}
}

// only is the selection of one instance, on all days.
func only(instance string) rollup.Selection {
	return rollup.Selection{Product: product, Instances: map[string]struct{}{instance: {}}}
}
