package mirror

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// startRun runs m in the bubble and returns what ends it and its log.
func startRun(m *Mirror) (stop func(), log *bytes.Buffer) {
	ctx, cancel := context.WithCancel(context.Background())
	log = &bytes.Buffer{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.Run(ctx, zerolog.New(log))
	}()
	return func() { cancel(); <-done }, log
}

func TestRunRepairsThenSyncs(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := filledStore()
		put(t, dir, "2026-02.json", strings.Replace(strings.Replace(original, "2026-03", "2026-02", 1), "2026-04", "2026-03", 1))
		put(t, dir, "notes.txt", "")
		stop, log := startRun(New(dir, s, Config{}))
		synctest.Wait()
		before := folder(t, dir)[march2File]
		s.report("cluster-c", march2, 1)
		time.Sleep(15*time.Minute - time.Second)
		synctest.Wait()
		if folder(t, dir)[march2File] != before {
			t.Error("synced before its time")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		stop()
		if !strings.Contains(folder(t, dir)[march2File], "cluster-c") {
			t.Error("not synced after 15 minutes")
		}
		for _, want := range []string{`"month":"2026-02"`, "notes.txt"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log lacks %s:\n%s", want, log)
			}
		}
	})
}

// A Repair that failed is tried again, so that the import is not lost.
func TestRunRepairsUntilItGoesThrough(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newMemStore("db-1")
		put(t, dir, "2026-03.json", original)
		s.failPut = syscall.ENOSPC
		stop, log := startRun(New(dir, s, Config{Every: time.Minute}))
		synctest.Wait()
		if !strings.Contains(log.String(), "free space") {
			t.Errorf("the log names no remedy:\n%s", log)
		}
		s.mu.Lock()
		s.failPut = nil
		s.mu.Unlock()
		time.Sleep(time.Minute)
		synctest.Wait()
		stop()
		if s.snapshots[march].Clusters != 42 {
			t.Error("the month was not imported")
		}
	})
}

func TestRunIsSilentAtItsEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var log bytes.Buffer
	New(t.TempDir(), filledStore(), Config{}).Run(ctx, zerolog.New(&log))
	if log.Len() != 0 {
		t.Errorf("log: %s", &log)
	}
}

// asNobody runs f on a thread whose file accesses are not those of root, for whom
// no folder is read-only. The thread ends with its goroutine.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		var err error
		if os.Getuid() == 0 {
			err = syscall.Setfsuid(65534)
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestInAFolderThatMayNotBeWritten(t *testing.T) {
	dir, s := t.TempDir(), filledStore()
	repair(t, dir, s)
	before := folder(t, dir)
	s.report("cluster-c", march2, 1)
	for _, d := range []string{filepath.Dir(dir), dir, filepath.Join(dir, "rollups")} {
		if err := os.Chmod(d, 0o555); err != nil {
			t.Fatal(err)
		}
		defer os.Chmod(d, 0o700)
	}
	m := New(dir, s, Config{})
	var err error
	asNobody(t, func() { err = m.Sync(t.Context()) })
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(remedy(err), "write in --snapshot-dir") {
		t.Errorf("Sync: %v", err)
	}
	if after := folder(t, dir); after[march2File] != before[march2File] {
		t.Error("the day was written after all")
	}
	for _, d := range []string{dir, filepath.Join(dir, "rollups")} {
		if err := os.Chmod(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Sync(t.Context()); err != nil {
		t.Fatalf("Sync once the folder can be written: %v", err)
	}
	requireFresh(t, "once the folder can be written", dir, s)
}

func TestRemedy(t *testing.T) {
	for _, c := range []struct {
		cause error
		want  string
	}{
		{syscall.ENOSPC, "free space"},
		{syscall.EDQUOT, "free space"},
		{syscall.EROFS, "mount"},
		{syscall.EACCES, "let the server's user write"},
		{syscall.EPERM, "let the server's user write"},
		{syscall.ENOTDIR, "move away"},
		{syscall.EEXIST, "move away"},
		{io.ErrUnexpectedEOF, "next turn"},
	} {
		var failed failures
		failed.add(&fs.PathError{Op: "write", Path: "x", Err: c.cause})
		failed.add(io.EOF)
		if got := remedy(failed.err()); !strings.Contains(got, c.want) {
			t.Errorf("%v: %q, want %q in it", c.cause, got, c.want)
		}
	}
}
