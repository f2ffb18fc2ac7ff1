package deploy

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const unitFile = "deploy/systemd/" + program + ".service"

// unit is a copy of the unit that names the program where the tests have it.
func unit(t *testing.T) string {
	t.Helper()
	binary, err := exec.LookPath(program)
	if err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(t.TempDir(), filepath.Base(unitFile))
	text := strings.ReplaceAll(string(read(t, unitFile)), "/usr/local/bin/"+program, binary)
	if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// TestUnitVerifies asks systemd. It warns of what it does not know without
// failing, so that there must be no word of it.
func TestUnitVerifies(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit(t)).CombinedOutput()
	if err != nil || strings.Contains(string(out), program) {
		t.Errorf("%v: %s", err, out)
	}
}

// TestUnitIsHardened holds systemd's measure of exposure, from 0 to 10, below 2.
func TestUnitIsHardened(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=20", unit(t)).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestUnitFlags(t *testing.T) {
	text := string(read(t, unitFile))
	var env []string
	for _, m := range regexp.MustCompile(`(?m)^Environment=(.*)$`).FindAllStringSubmatch(text, -1) {
		env = append(env, strings.ReplaceAll(m[1], "%S", "/var/lib"))
	}
	if len(env) == 0 {
		t.Fatal("the unit has no environment")
	}
	checkCommandLine(t, nil, env)
	if !slices.Contains(env, "GOMEMLIMIT=512000000") {
		t.Errorf("the unit has no GOMEMLIMIT: %q", env)
	}
	if state := regexp.MustCompile(`(?m)^StateDirectory=(.*)$`).FindStringSubmatch(text); state == nil ||
		strings.Count(text, "=%S/"+state[1]+"/") != strings.Count(text, "%S") {
		t.Error("a path of the unit is not in its state directory")
	}
}

// TestUnitExitCodes holds that what the unit does not restart after is what the
// program says of wrong flags, and that another failure has another code.
func TestUnitExitCodes(t *testing.T) {
	if !strings.Contains(string(read(t, unitFile)), "\nRestartPreventExitStatus=2\n") {
		t.Error("the unit restarts after wrong flags")
	}
	damaged := filepath.Join(t.TempDir(), "telemetry.db")
	write(t, damaged, "no database")
	for code, args := range map[int][]string{2: {"--max-samples=many"}, 1: {"--db-path=" + damaged, "--listen-addr=127.0.0.1:0"}} {
		cmd := exec.Command(program, append(args, "--snapshot-dir=")...)
		if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != code {
			t.Errorf("%q: exit code is not %d: %v: %s", args, code, err, out)
		}
	}
}
