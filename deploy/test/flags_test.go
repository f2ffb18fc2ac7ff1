package deploy

import (
	"errors"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// checkCommandLine asks the real program whether it would serve with the
// arguments and environment. One more flag, which is wrong, keeps it from
// serving; the program says all that is wrong at once, so it must say this only.
func checkCommandLine(t *testing.T, args, env []string) {
	t.Helper()
	const wrong = "--log-level"
	cmd := exec.Command(program, append(args, wrong+"=none-such")...)
	cmd.Env = append(cmd.Environ(), env...)
	text, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 2 {
		t.Fatalf("%s: %v, not exit code 2:\n%s", cmd, err, text)
	}
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, wrong) && !strings.Contains(line, "--help") {
			t.Errorf("the program says of %q %q: %s", args, env, line)
		}
	}
	for _, variable := range env {
		name, _, _ := strings.Cut(variable, "=")
		if flag, ok := strings.CutPrefix(name, "TELEMETRY_"); ok && !flags(t)[flagOf(flag)] {
			t.Errorf("%s is no flag's twin", name)
		}
	}
}

// flagOf is the flag whose twin is TELEMETRY_ and the suffix.
func flagOf(suffix string) string {
	return strings.ToLower(strings.ReplaceAll(suffix, "_", "-"))
}

// flags are those that the program's help names.
func flags(t *testing.T) map[string]bool {
	t.Helper()
	help, err := exec.Command(program, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]bool)
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z-]+)`).FindAllStringSubmatch(string(help), -1) {
		all[m[1]] = true
	}
	if !all["listen-addr"] {
		t.Fatalf("the help has no flags:\n%s", help)
	}
	return all
}

func TestCommandLineCheckFails(t *testing.T) {
	for _, args := range [][]string{{"--none-such=1"}, {"--max-samples=many"}} {
		out, err := exec.Command(program, append(args, "--log-level=none-such")...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), strings.Split(args[0], "=")[0]) {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
}
