package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/backup"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// adminAddr is the address of a process' private listener.
func (p *process) adminAddr() string { return strings.TrimPrefix(p.Admin, "http://") }

// Each of many backups that are made while reports come checks clean, and has every
// report that was answered before it was asked for.
func TestF9BackupsUnderLoad(t *testing.T) {
	t.Parallel()
	const backups = 25 / raceRepeats
	dir := t.TempDir()
	_, err := load.DB(t.Context(), load.DBOptions{ // so that a backup takes some time
		Path: filepath.Join(dir, "telemetry.db"), From: thisMonth() - 1, To: thisMonth() - 1, Every: 12 * time.Hour, Now: time.Now,
		Fleet: fleet.Config{Clusters: 300, Full: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := startServer(t, dir, "--limits=off")
	ctx, stop := context.WithCancel(t.Context())
	var answered [3]atomic.Int64
	var wg sync.WaitGroup
	for i := range answered {
		wg.Go(func() {
			for n := int64(1); ctx.Err() == nil; n++ {
				server.post(t, fmt.Sprintf("c-%d-%d", i, n), "cozy_cluster_info 1\n")
				answered[i].Store(n)
			}
		})
	}
	folder := t.TempDir()
	for n := range backups {
		var want [len(answered)]int64
		for i := range answered {
			want[i] = answered[i].Load()
		}
		out := filepath.Join(folder, strconv.Itoa(n)+".db")
		succeed(t, "backup", "--admin-addr", server.adminAddr(), "-o", out)
		known := clustersOf(t, out)
		for i, last := range want {
			for k := int64(1); k <= last; k++ {
				if !known[fmt.Sprintf("c-%d-%d", i, k)] {
					t.Fatalf("backup %d lacks c-%d-%d, %d were answered", n, i, k, last)
				}
			}
		}
	}
	stop()
	wg.Wait()
	t.Logf("%d, %d and %d reports were answered", answered[0].Load(), answered[1].Load(), answered[2].Load())
	if got := server.metric(t, `backups_total{outcome="done"}`); got != backups {
		t.Errorf("%d backups are counted", got)
	}
	if server.metric(t, "last_backup_timestamp_seconds") == 0 {
		t.Error("the last backup has no time")
	}
}

// clustersOf checks a file and returns the clusters in it.
func clustersOf(t *testing.T, db string) map[string]bool {
	t.Helper()
	s, err := store.OpenReadOnly(db)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context(), func(p store.Problem) { t.Errorf("%s: %+v", db, p) }, nil); err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	err = s.Fold(t.Context(), "cozystack", thisMonth()-1, thisMonth(), nil, func(instance string, _ []rollup.Month) error {
		known[instance] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// A backup that breaks off, is wrong, or whose client is killed never looks whole.
func TestF9BrokenDownloads(t *testing.T) {
	dir := t.TempDir()
	server := startServer(t, dir)
	server.post(t, "c", "cozy_cluster_info 1\n")
	half := make(chan struct{}, 10)
	var mode atomic.Value // what the proxy does to a backup
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		resp, err := http.Get(server.Admin + r.URL.Path)
		if err != nil {
			t.Error(err)
			return
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Error(err)
			return
		}
		w.Header().Set("Content-Digest", resp.Header.Get("Content-Digest"))
		w.Header().Set("Content-Length", resp.Header.Get("Content-Length"))
		switch mode.Load() {
		case "wrong":
			body[len(body)/2] ^= 1
			_, _ = w.Write(body)
		default:
			_, _ = w.Write(body[:len(body)/2])
			_ = http.NewResponseController(w).Flush()
			half <- struct{}{}
			if mode.Load() == "hang" {
				<-r.Context().Done()
			}
			panic(http.ErrAbortHandler)
		}
	}))
	defer proxy.Close()
	addr := strings.TrimPrefix(proxy.URL, "http://")
	folder := t.TempDir()
	out := filepath.Join(folder, "b.db")
	for m, want := range map[string]string{"cut": "broke off after", "wrong": "checksum is wrong"} {
		mode.Store(m)
		if r := command(t, "backup", "--admin-addr", addr, "-o", out); r.code != program.ExitFailure || !strings.Contains(r.errs, want) {
			t.Errorf("%s: %+v", m, r)
		}
		if entries, _ := os.ReadDir(folder); len(entries) != 0 {
			t.Errorf("%s: there is %v", m, entries)
		}
	}
	mode.Store("hang")
	for len(half) > 0 {
		<-half
	}
	client := exec.Command(cli.Name, "backup", "--admin-addr", addr, "-o", out)
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "half of a backup has come", func() bool { return len(half) > 0 })
	if err := client.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = client.Wait() // it was killed
	if _, err := os.Stat(out); err == nil {
		t.Error("a killed client leaves a backup")
	}
	if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := command(t, "backup", "--admin-addr", server.adminAddr(), "-o", out); r.code != program.ExitFailure || !strings.Contains(r.errs, "--force") {
		t.Errorf("an existing file: %+v", r)
	}
	succeed(t, "backup", "--admin-addr", server.adminAddr(), "-o", out, "--force")
	if !clustersOf(t, out)["c"] {
		t.Error("the backup lacks the cluster")
	}
	publicAddr := strings.TrimPrefix(server.Public, "http://")
	if r := command(t, "backup", "--admin-addr", publicAddr, "-o", out+"2"); r.code != program.ExitFailure || !strings.Contains(r.errs, "is this its --admin-addr?") {
		t.Errorf("from the public listener: %+v", r)
	}
	if r := command(t, "backup", "--admin-addr", "127.0.0.1:1", "-o", out+"2"); r.code != program.ExitFailure || !strings.Contains(r.errs, "is a server running") {
		t.Errorf("without a server: %+v", r)
	}
}

func TestBackupIsNotForTheWorld(t *testing.T) {
	server := startServer(t, t.TempDir())
	for url, want := range map[string]int{server.Public + backup.Path: http.StatusNotFound, server.Admin + backup.Path: http.StatusMethodNotAllowed} {
		resp, err := http.Head(url)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("HEAD %s: %s", url, resp.Status)
		}
	}
}

// The real loop writes, and keeps as many as it shall.
func TestBackupsByThemselves(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "backups")
	server := startServer(t, t.TempDir(), "--backup-dir="+dir, "--backup-every=1s", "--backup-keep=2")
	server.post(t, "c", "cozy_cluster_info 1\n")
	eventually(t, "four backups are written", func() bool { return server.metric(t, `backups_total{outcome="done"}`) >= 4 })
	server.stop(t, syscall.SIGTERM)
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(paths) != 2 {
		t.Fatalf("there are %q, %v", paths, err)
	}
	for _, path := range paths {
		if !clustersOf(t, path)["c"] {
			t.Errorf("%s lacks the cluster", path)
		}
	}
	again := startServer(t, t.TempDir(), "--backup-dir="+dir)
	if got := time.Unix(int64(again.metric(t, "last_backup_timestamp_seconds")), 0); time.Since(got) > time.Minute {
		t.Errorf("after a start the last backup is of %v", got)
	}
}
