package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

const (
	honest  = 20   // clusters that are
	strange = 1000 // clusters that somebody has made up
)

// strangeID is one of the ids that are made up: all have a part in common, which is what
// is searched for.
func strangeID(n int) string { return fmt.Sprintf("badc0ffe-dead-4000-8000-%012x", n) }

// strangeNeedles are what made-up clusters leave behind: their ids as text and packed,
// and a series that each has alone.
var strangeNeedles = map[string][]byte{
	"text": []byte("badc0ffe-dead-4000"), "packed": {0xba, 0xdc, 0x0f, 0xfe, 0xde, 0xad, 0x40, 0x00}, "its own series": []byte("MADE-UP"),
}

// flooded starts a server to which honest clusters report and then made-up ones, and
// returns what it has shown between, and a file with the made-up ids.
func flooded(t *testing.T, dir, mirror string, flags ...string) (server *process, before month, ids string) {
	t.Helper()
	server = startServer(t, dir, append([]string{
		"--snapshot-dir=" + mirror, "--limits=off", "--forward-url=http://127.0.0.1:1/", // where nobody is: the lines stay
	}, flags...)...)
	for n := range honest {
		server.post(t, fmt.Sprintf("honest-%d", n), payload(t, "operator-v1.prom"))
		server.post(t, fmt.Sprintf("honest-%d", n), payload(t, "controller-v1.prom"))
	}
	eventually(t, "the honest clusters are shown", func() bool {
		before = server.overview(t, thisMonth())
		return before.Clusters == honest
	})
	var list strings.Builder
	list.WriteString("# made up\n\n")
	for n := range strange {
		server.post(t, strangeID(n), payload(t, "operator-v1.prom")+fmt.Sprintf("cozy_secret{of=\"MADE-UP-%d\"} 1\n", n))
		fmt.Fprintf(&list, "%s # the %d.\n", strangeID(n), n)
	}
	ids = filepath.Join(t.TempDir(), "ids.txt")
	if err := os.WriteFile(ids, []byte(list.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return server, before, ids
}

func adminOf(p *process) string { return strings.TrimPrefix(p.Admin, "http://") }

// A thousand made-up clusters are forgotten by a running server, while the others report:
// none of these is refused, the figures are again what they were, and no byte of the
// thousand is left in the file, its mirror or a backup that is made after.
func TestForgetManyOnARunningServer(t *testing.T) {
	t.Parallel()
	dir, mirror := t.TempDir(), filepath.Join(t.TempDir(), "snapshots")
	server, want, ids := flooded(t, dir, mirror, "--mirror-every=1s")
	eventually(t, "the mirror has them", func() bool { return len(search(t, strangeNeedles, mirror)) > 0 })
	if found := search(t, strangeNeedles, dir); len(found) < 3 {
		t.Fatalf("before, they are only in %q", found)
	}
	ask := func(more ...string) ran {
		return command(t, append([]string{"forget", "--admin-addr", adminOf(server), "--cluster-file", ids}, more...)...)
	}
	if r := ask("--dry-run"); r.code != 0 || !strings.Contains(r.out, "found: 1000 clusters with 1000 records, and ") {
		t.Errorf("a dry run says %+v", r)
	}
	if got := server.overview(t, thisMonth()).Clusters; got != honest+strange {
		t.Errorf("after a dry run %d clusters are there", got)
	}

	reporting, stop := context.WithCancel(t.Context())
	var sent, refused atomic.Int64
	var senders sync.WaitGroup
	for w := range 4 {
		senders.Go(func() {
			for n := w; reporting.Err() == nil; n += 4 {
				status, err := server.tryPost(fmt.Sprintf("honest-%d", n%honest), payload(t, "controller-v1.prom"))
				if sent.Add(1); err != nil || status != http.StatusOK {
					refused.Add(1)
				}
			}
		})
	}
	begin := time.Now()
	r := ask("--cluster", "nobody-knows", "--yes")
	took := time.Since(begin)
	stop()
	senders.Wait()
	if r.code != program.ExitFailure || !strings.Contains(r.errs, "not found: nobody-knows") || !strings.Contains(r.out, "removed: 1000 clusters with ") {
		t.Errorf("forget says %+v", r)
	}
	if refused.Load() > 0 || sent.Load() == 0 {
		t.Errorf("of %d reports meanwhile %d were refused", sent.Load(), refused.Load())
	}
	t.Logf("%v for %d clusters, %d reports meanwhile; %s", took, strange, sent.Load(), r.out)
	server.shows(t, want)
	if found := search(t, strangeNeedles, dir, mirror); len(found) > 0 {
		t.Errorf("they are still in %q", found)
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	succeed(t, "backup", "--admin-addr", adminOf(server), "-o", copied)
	if found := search(t, strangeNeedles, filepath.Dir(copied)); len(found) > 0 {
		t.Errorf("a backup has them in %q", found)
	}
	server.stop(t, syscall.SIGTERM)
	if out := succeed(t, "verify", "--db", filepath.Join(dir, "telemetry.db"), "--snapshot-dir", mirror); !strings.Contains(out, "1000 clusters were forgotten") {
		t.Errorf("verify says %s", out)
	}
}

// Whenever a server is killed that forgets, its file is the old one or the new one, whole,
// and has what was answered.
func TestF1KillWhileForgetting(t *testing.T) {
	t.Parallel()
	dir, mirror := t.TempDir(), filepath.Join(t.TempDir(), "snapshots")
	server, _, ids := flooded(t, dir, mirror)
	server.stop(t, syscall.SIGTERM)
	db := filepath.Join(dir, "telemetry.db")
	flooded, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	old, anew := 0, 0
	for _, at := range []struct {
		call  string // "" is after a time
		n     int
		after time.Duration
	}{
		{"renameat", 1, 0}, {"fdatasync", 3, 0}, {"fsync", 1, 0}, {"fsync", 2, 0}, {"pwrite64", 40, 0}, {"ftruncate", 1, 0}, {"unlinkat", 1, 0},
		{"", 0, 10 * time.Millisecond}, {"", 0, 40 * time.Millisecond}, {"", 0, 80 * time.Millisecond}, {"", 0, 160 * time.Millisecond}, {"", 0, 320 * time.Millisecond},
	} {
		if err := os.WriteFile(db, flooded, 0o600); err != nil {
			t.Fatal(err)
		}
		args := serverFlags(dir, "--limits=off", "--forward-url=http://127.0.0.1:1/")
		cmd := exec.Command(cli.Name, args...)
		server := launch(t, cmd)
		if err := server.await(); err != nil {
			t.Fatalf("%v:\n%s", err, server.logged(t))
		}
		server.post(t, "answered", payload(t, "operator-v1.prom"))
		if at.call != "" {
			server.killAt(t, at.call, at.n)
		}
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			command(t, "forget", "--admin-addr", adminOf(server), "--cluster-file", ids, "--yes")
		}()
		select {
		case <-server.exited:
		case <-asked:
			server.stop(t, syscall.SIGKILL)
		case <-afterIf(at.after):
			server.stop(t, syscall.SIGKILL)
		}
		<-asked
		succeed(t, "verify", "--db", db)
		server = startServer(t, dir, "--limits=off", "--forward-url=http://127.0.0.1:1/")
		switch got := server.overview(t, thisMonth()).Clusters; got {
		case honest + strange + 1:
			old++
		case honest + 1:
			anew++
			if found := search(t, strangeNeedles, dir); len(found) > 0 {
				t.Errorf("%+v: they are still in %q", at, found)
			}
		default:
			t.Errorf("%+v: it shows %d clusters", at, got)
		}
		server.stop(t, syscall.SIGTERM)
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("%+v: left behind: %v, %v", at, entries, err)
		}
	}
	if old == 0 || anew == 0 {
		t.Errorf("%d times it was the old file, %d times the new one", old, anew)
	}
	t.Logf("%d times it was the old file, %d times the new one", old, anew)
}

// afterIf fires after a time, or never if that is 0.
func afterIf(d time.Duration) <-chan time.Time {
	if d == 0 {
		return nil
	}
	return time.After(d)
}

// killAt lets a running program be killed at a thread's n-th call of a kind from now on.
func (p *process) killAt(t *testing.T, call string, n int) {
	t.Helper()
	said := filepath.Join(t.TempDir(), "said")
	out, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command("strace", "-f", "-o", "/dev/null", "-e", "trace="+call, "-e", "signal=none",
		"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n), "-p", fmt.Sprint(p.cmd.Process.Pid))
	cmd.Stderr = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	eventually(t, "strace is attached", func() bool {
		text, err := os.ReadFile(said)
		return err == nil && strings.Contains(string(text), "attached")
	})
}
