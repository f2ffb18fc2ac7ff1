package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
)

// killedAt is the program under an strace that kills it at a thread's n-th call
// of a kind. The process is the program itself: strace stands aside and ends with
// it.
func killedAt(call string, n int, args ...string) *exec.Cmd {
	return exec.Command("strace", append([]string{
		"-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + call,
		"-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n), "--", cli.Name,
	}, args...)...)
}

// wasKilled tells whether a process that has exited was killed.
func (p *process) wasKilled() bool {
	status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

// tracing is an strace that makes calls of a running program fail.
type tracing struct {
	cmd *exec.Cmd
	log string
}

// failCalls makes calls of one kind fail with EIO until end: those that when
// names, counted for each thread.
func (p *process) failCalls(t *testing.T, call, when string) *tracing {
	t.Helper()
	dir := t.TempDir()
	tr := &tracing{log: filepath.Join(dir, "calls")}
	said := filepath.Join(dir, "said")
	out, err := os.Create(said)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	tr.cmd = exec.Command("strace", "-f", "-o", tr.log, "-e", "trace="+call, "-e", "signal=none",
		"-e", "inject="+call+":error=EIO:when="+when, "-p", fmt.Sprint(p.cmd.Process.Pid))
	tr.cmd.Stderr = out
	if err := tr.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tr.cmd.Process.Kill() })
	eventually(t, "strace is attached", func() bool {
		text, err := os.ReadFile(said)
		return err == nil && strings.Contains(string(text), "attached")
	})
	return tr
}

// end lets calls succeed again and returns, in order, which of the calls
// meanwhile were made to fail.
func (tr *tracing) end(t *testing.T) (failed []bool) {
	t.Helper()
	if err := tr.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = tr.cmd.Wait() // it ends by the signal
	text, err := os.ReadFile(tr.log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, " = ") { // else its end comes on a line of its own
			failed = append(failed, strings.Contains(line, "(INJECTED)"))
		}
	}
	return failed
}
