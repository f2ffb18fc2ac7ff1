package e2e

import (
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The server is killed at each call with which it makes its file. The next start
// makes it all the same.
func TestF1KillWhileTheFileIsMade(t *testing.T) {
	n := killEachStart(t, []string{"pwrite64", "fdatasync", "ftruncate", "fsync", "linkat", "unlinkat"},
		func(dir string) {},
		func(dir string) {})
	if n < 6 {
		t.Errorf("only %d kills", n)
	}
	t.Logf("%d kills", n)
}

// The server is killed at each call with which it opens a file that there is, and
// migrates it, if that is of an older schema. The next start makes of it what an
// undisturbed one does.
func TestF1KillWhileTheFileIsOpened(t *testing.T) {
	packed, err := os.Open(filepath.Join(repotest.Root, "store/testdata/schema2.db.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	zip, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	old, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	oldFile := func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, "telemetry.db"), old, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	undisturbed := t.TempDir()
	oldFile(undisturbed)
	want := readMonths(t, undisturbed)
	if len(want) < 4 {
		t.Fatalf("the file has %d instances", len(want))
	}
	// An open makes few calls, and strace counts those of a thread, while Go moves the
	// writer between threads.
	n := 0
	for rounds := 0; rounds < 10 && n < 5; rounds++ {
		n += killEachStart(t, []string{"pwrite64", "fdatasync"}, oldFile, func(dir string) {
			if got := readMonths(t, dir); !reflect.DeepEqual(got, want) {
				t.Errorf("after a kill the file has\n%v, want\n%v", got, want)
			}
		})
	}
	if n < 5 {
		t.Errorf("only %d kills", n)
	}
	t.Logf("%d kills", n)
}

// leap is from which call on killEachStart leaves some out. A torture takes each.
func leap() int {
	if *torture > 0 {
		return math.MaxInt
	}
	return 8
}

// killEachStart kills the server at the first, second, ... of the calls of a kind
// that its start makes, each time in a new folder that prepare has been given.
// The start after that must serve, and leave a folder that check finds right.
func killEachStart(t *testing.T, calls []string, prepare, check func(dir string)) (kills int) {
	t.Helper()
	for _, call := range calls {
		for n := 1; ; n += 1 + n/leap() {
			dir := t.TempDir()
			prepare(dir)
			server := launch(t, killedAt(call, n, serverFlags(dir)...))
			if server.await() == nil {
				server.stopIfAlive(syscall.SIGKILL) // the call may come once it serves
				break                               // it makes fewer calls than n
			}
			if !server.wasKilled() {
				t.Fatalf("%s %d: the server ended by itself:\n%s", call, n, server.logged(t))
			}
			kills++
			checkFile(t, filepath.Join(dir, "telemetry.db"))
			begin := time.Now()
			server = startServer(t, dir)
			if took := time.Since(begin); took > maxStart {
				t.Errorf("%s %d: the next start took %v", call, n, took)
			}
			if code := server.stop(t, syscall.SIGTERM); code != 0 {
				t.Errorf("%s %d: exit code %d", call, n, code)
			}
			checkFile(t, filepath.Join(dir, "telemetry.db"))
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
				t.Errorf("%s %d: the kill has left %v", call, n, left)
			}
			check(dir)
		}
	}
	return kills
}

// readMonths returns the months of each instance in the file of schema 2.
func readMonths(t *testing.T, dir string) map[string][]rollup.Month {
	t.Helper()
	s := openStore(t, filepath.Join(dir, "telemetry.db"))
	defer s.Close()
	months := make(map[string][]rollup.Month)
	metrics := []string{"cozy_cluster_info", "cozy_nodes_count", "cozy_application_count"}
	from, to := rollup.NewMonth(2026, time.October), rollup.NewMonth(2026, time.November)
	err := s.Fold(t.Context(), "cozystack", from, to, metrics, func(instance string, m []rollup.Month) error {
		months[instance] = m
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return months
}

// The server is killed when it makes its file longer, for the queue grows while
// nobody takes it. Each report is of a cluster of its own, and large.
func TestF1KillWhileTheFileGrows(t *testing.T) {
	dir, random := t.TempDir(), rand.New(rand.NewPCG(3, 4))
	flags := []string{"--limits=off", "--forward-url=http://127.0.0.1:1/"}
	startServer(t, dir, flags...).stop(t, syscall.SIGTERM)
	const rounds = 3
	acknowledged := make(map[string]bool)
	for n := range rounds {
		server := launch(t, killedAt([]string{"ftruncate", "fsync"}[n%2], 1, serverFlags(dir, flags...)...))
		if err := server.await(); err != nil {
			t.Fatalf("%v:\n%s", err, server.logged(t))
		}
		for i := range 100 {
			cluster := fmt.Sprintf("cluster-%d-%d", n, i)
			status, err := server.tryPost(cluster, "cozy_cluster_info 1\n"+noise(random, 700_000))
			if err != nil {
				break
			}
			if status == http.StatusOK {
				acknowledged[cluster] = true
			}
		}
		select {
		case <-server.exited:
		case <-time.After(whileKilled):
			t.Fatal("the file does not grow")
		}
		checkFile(t, filepath.Join(dir, "telemetry.db"))
	}
	server := startServer(t, dir, flags...)
	if got := server.overview(t, thisMonth()).Clusters; got < int64(len(acknowledged)) || len(acknowledged) < rounds {
		t.Errorf("%d clusters are known, %d were acknowledged", got, len(acknowledged))
	}
	if blocks := server.metric(t, "queue_blocks"); blocks < len(acknowledged) {
		t.Errorf("%d blocks wait, %d were acknowledged", blocks, len(acknowledged))
	}
	t.Logf("%d kills, %d reports acknowledged", rounds, len(acknowledged))
}

// noise is a report's lines that no compressor makes much shorter.
func noise(random *rand.Rand, size int) string {
	var b strings.Builder
	raw := make([]byte, 700)
	for b.Len() < size {
		for i := range raw {
			raw[i] = byte(random.Uint32())
		}
		fmt.Fprintf(&b, "cozy_noise{x=%q} 1\n", base64.StdEncoding.EncodeToString(raw))
	}
	return b.String()
}
