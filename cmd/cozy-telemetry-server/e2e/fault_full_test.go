package e2e

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

// inNamespace is a shell command, then the program, in a file system view of its
// own, where even an unprivileged user may mount. The command knows the folder
// as $DIR.
func inNamespace(dir, script string, args ...string) *exec.Cmd {
	cmd := exec.Command("unshare", append([]string{"-rm", "sh", "-ec", script + "\nexec " + cli.Name + ` "$@"`, cli.Name}, args...)...)
	cmd.Env = append(os.Environ(), "DIR="+dir)
	return cmd
}

// The disk is full: reports are answered with 503, all else goes on, nothing that
// was acknowledged is lost, and once there is space the next report is taken.
func TestF4DiskFull(t *testing.T) {
	dir, sink := t.TempDir(), newFlakySink(t)
	sink.only(http.StatusServiceUnavailable)
	server := launch(t, inNamespace(dir, `mount -t tmpfs -o size=64m tmpfs "$DIR"`,
		serverFlags(dir, "--limits=off", "--forward-url="+sink.url)...))
	if err := server.await(); err != nil {
		t.Fatalf("%v:\n%s", err, server.logged(t))
	}
	inside := filepath.Join("/proc", fmt.Sprint(server.cmd.Process.Pid), "root", dir)
	acknowledged := make(map[string]int)
	random := rand.New(rand.NewPCG(5, 6))
	post := func(n int) int {
		cluster := fmt.Sprintf("cluster-%d", n)
		body := fmt.Sprintf("cozy_cluster_info 1\ncozy_application_count{kind=%q} %d\n", kindOf(cluster), n+1)
		got, err := server.tryPost(cluster, body+noise(random, 80_000))
		if err != nil {
			t.Fatalf("%v:\n%s", err, server.logged(t))
		}
		if got == http.StatusOK {
			acknowledged[cluster] = n + 1
		}
		return got
	}
	n := 0
	for ; n < 20; n++ {
		if got := post(n); got != http.StatusOK {
			t.Fatalf("a report is answered with %d:\n%s", got, server.logged(t))
		}
	}
	for round := range 3 {
		filler := filepath.Join(inside, "filler")
		fill(t, filler)
		refused := 0
		for ; refused < 20; n++ {
			switch got := post(n); got {
			case http.StatusServiceUnavailable:
				refused++
			case http.StatusOK: // pages of the file were free
			default:
				t.Fatalf("a report is answered with %d", got)
			}
		}
		if got := statusOf(server.Public + "/healthz"); got != http.StatusOK {
			t.Errorf("health is %d", got)
		}
		server.knows(t, acknowledged)
		if err := os.Remove(filler); err != nil {
			t.Fatal(err)
		}
		if got := post(n); got != http.StatusOK {
			t.Errorf("round %d: with space again, a report is answered with %d:\n%s", round, got, server.logged(t))
		}
		n++
		if got := statusOf(server.Public + "/readyz"); got != http.StatusOK {
			t.Errorf("readiness stays %d", got)
		}
	}
	sink.only(0)
	eventually(t, "the queue is empty", func() bool { return server.metric(t, "queue_blocks") == 0 })
	for cluster, value := range acknowledged {
		if !sink.has(cluster, value) {
			t.Errorf("%s: the sample was acknowledged, but never came", cluster)
		}
	}
	if strings.Contains(server.logged(t), "panic") {
		t.Errorf("a panic:\n%s", server.logged(t))
	}
	server.knows(t, acknowledged)
	checkFile(t, filepath.Join(copyOfQuiet(t, inside), "telemetry.db"))
	if code := server.stop(t, syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d", code)
	}
	t.Logf("%d reports, %d acknowledged", n, len(acknowledged))
}

// On a full disk the server can't make its file, and says what to do.
func TestF4StartOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	server := launch(t, inNamespace(dir, `mount -t tmpfs -o size=16k tmpfs "$DIR"`, serverFlags(dir)...))
	server.refused(t, "no space left on device", "free space on the disk")
}

// knows checks that the overview shows what each cluster was acknowledged.
func (p *process) knows(t *testing.T, acknowledged map[string]int) {
	t.Helper()
	eventually(t, "the overview shows what was acknowledged", func() bool {
		apps := p.overview(t, thisMonth()).Apps
		for cluster, value := range acknowledged {
			if apps[kindOf(cluster)] < int64(value) {
				return false
			}
		}
		return true
	})
}

// fill takes all the space that is left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for page := make([]byte, 4096); err == nil; {
		_, err = f.Write(page)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}
