package store

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A disk that is full, not the file's bound: removals go on, alone and among
// reports, until the queue is empty, and what they free is used again. On a file
// system of the test's own.
func TestRemovalsOnAFullDisk(t *testing.T) {
	runChildOnSmallDisk(t, "disk")
}

// A disk that has room for one more piece takes reports, though not for as much as is
// set aside at once elsewhere.
func TestLastPieceOfADisk(t *testing.T) { runChildOnSmallDisk(t, "last piece") }

// runChildOnSmallDisk runs a child on a file system of its own.
func runChildOnSmallDisk(t *testing.T, name string) {
	t.Helper()
	dir := t.TempDir()
	child := childCommand(t, name, filepath.Join(dir, "telemetry.db"))
	mounted := exec.Command("unshare", append([]string{"-rm", "sh", "-ec", `mount -t tmpfs -o size=48m tmpfs "$DIR" && exec "$@"`, "sh"}, child.Args...)...)
	mounted.Env = append(child.Env, "DIR="+dir)
	if out, err := mounted.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func childMeetsLastPiece(path string) error {
	t, ctx := fatalError{}, context.Background()
	s, err := Open(path, Options{})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(filepath.Dir(path), "filler"), make([]byte, (48-14)<<20), 0o600))
	must(t, s.Record(ctx, report("a", march, "a"), noise(700_000)))
	must(t, s.Close())
	return nil
}

func childMeetsFullDisk(path string) error {
	t, ctx := fatalError{}, context.Background()
	s, err := Open(path, Options{})
	must(t, err)
	want, n := make(model), 0
	fill := func(size int) error {
		for ; n < 10_000; n++ {
			r := report(uuid(n), march, "a")
			if err := s.Record(ctx, r, noise(size)); err != nil {
				return err
			}
			want.add(r)
		}
		return nil
	}
	if err := fill(700_000); !isDiskFull(err) {
		t.Fatalf("got %v", err)
	}
	filler := filepath.Join(filepath.Dir(path), "filler")
	must(t, takeAll(filler))
	if err := fill(5_000); !isDiskFull(err) {
		t.Fatalf("got %v", err)
	}
	blocks := allBlocks(t, s)
	if len(blocks) < 20 {
		t.Fatalf("%d blocks wait", len(blocks))
	}

	// Among reports that find no room, and alone, each block by itself.
	release, free := make(chan struct{}), make(chan struct{})
	requests := []*request{
		{apply: func(*bolt.Tx, *layout.Dictionaries) error { close(free); <-release; return nil }, shrinks: true},
		{report: &rollup.Report{Product: "cozystack", Instance: "x", Received: march, Samples: report("x", march, "a").Samples}, lines: noise(3_000_000)},
		{remove: blocks[:1], shrinks: true},
	}
	for i, r := range requests {
		r.done = make(chan struct{})
		s.requests <- r
		if i == 0 {
			<-free
		}
	}
	close(release)
	for _, r := range requests {
		<-r.done
	}
	if !isDiskFull(requests[1].err) || requests[2].err != nil {
		t.Fatalf("the report: %v; the removal: %v", requests[1].err, requests[2].err)
	}
	for i, b := range blocks[1:] {
		if err := s.Remove(ctx, []rollup.Block{b}); err != nil {
			t.Fatalf("removal %d of %d: %v", i, len(blocks), err)
		}
		compareQueue(t, s)
	}
	compareModels(t, stored(t, s), want)

	// What they have freed is used, though the disk is as full as before.
	for range 5 {
		n++
		r := report(uuid(n), march, "a")
		must(t, s.Record(ctx, r, noise(700_000)))
		want.add(r)
	}
	must(t, s.Ready(ctx))
	must(t, os.Remove(filler))
	compareModels(t, stored(t, s), want)
	return s.Close()
}

func isDiskFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

// takeAll fills a disk.
func takeAll(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	for page := make([]byte, 4096); err == nil; {
		_, err = f.Write(page)
	}
	if isDiskFull(err) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
