package durable

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// publishVar has the test binary, as a child process, publish a file of that path.
const publishVar = "DURABLE_TEST_PUBLISH"

func TestMain(m *testing.M) {
	path, child := os.LookupEnv(publishVar)
	if !child {
		os.Exit(m.Run())
	}
	if Create(path, text("one")) != nil || Replace(path, text("two")) != nil {
		os.Exit(1)
	}
}

// What is published is there after a power failure: its bytes are synced before it gets
// its name, and the folder after.
func TestPublishedIsSynced(t *testing.T) {
	dir, calls := t.TempDir(), filepath.Join(t.TempDir(), "calls")
	self, err := os.Executable()
	must(t, err)
	path := filepath.Join(dir, "file")
	cmd := exec.Command("strace", "-f", "-qq", "-y", "-o", calls, "-e", "trace=fsync,linkat,renameat", "-e", "signal=none", "--", self)
	cmd.Env = append(os.Environ(), publishVar+"="+path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	folder := regexp.QuoteMeta("<" + dir + ">")
	for _, name := range []string{"linkat", "renameat"} {
		order := regexp.MustCompile(`(?s)fsync\([^\n]*/unfinished>.*` + name + `\([^\n]*/unfinished".*fsync\([^\n]*` + folder)
		if made := content(t, calls); !order.MatchString(made) {
			t.Errorf("no file is synced, named by %s, and its folder synced in:\n%s", name, made)
		}
	}
}
