package store

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// children are what the test binary does when it is started as a child process:
// for faults that concern a whole process. Each is given a file's path.
var children = map[string]func(path string) error{
	"hold":       childHolds,
	"size":       childMeetsSizeLimit,
	"forbidden":  childMayNotWrite,
	"disk":       childMeetsFullDisk,
	"last piece": childMeetsLastPiece,
}

const childVar = "STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	child, ok := children[os.Getenv(childVar)]
	if !ok {
		os.Exit(m.Run())
	}
	if err := child(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func childCommand(t *testing.T, name, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	cmd := exec.Command(self, path)
	cmd.Env = append(os.Environ(), childVar+"="+name)
	return cmd
}

// runChild runs a child to its end and fails with what it says.
func runChild(t *testing.T, name, path string) {
	t.Helper()
	if out, err := childCommand(t, name, path).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// childHolds has the file open until its input ends.
func childHolds(path string) error {
	s, err := Open(path, Options{})
	if err != nil {
		return err
	}
	fmt.Println("open")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return s.Close()
}

// startHolder starts a process that has the file open until release is called.
func startHolder(t *testing.T, path string) (release func()) {
	t.Helper()
	cmd := childCommand(t, "hold", path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "open" {
		t.Fatalf("the other process says %q, %v", line, err)
	}
	return func() {
		must(t, in.Close())
		must(t, cmd.Wait())
	}
}
