package deploy

import (
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// operations is the operators' page, commands of several lines made one.
func operations(t *testing.T) string {
	t.Helper()
	return regexp.MustCompile(`\\\n *`).ReplaceAllString(string(read(t, "docs/operations.md")), "")
}

// TestOperationsCommands holds that each command of the page exists, with its
// flags.
func TestOperationsCommands(t *testing.T) {
	commands := regexp.MustCompile("(?m)"+program+" ([a-z]+)((?: [^`\n]*)?)(?:`|$)").FindAllStringSubmatch(operations(t), -1)
	tried := 0
	for _, m := range commands {
		if !strings.Contains(m[2], " -") {
			continue // words of a sentence, or the name of a unit
		}
		tried++
		help := helpOf(t, m[1])
		for _, flag := range regexp.MustCompile(` (--?[a-z][a-z-]*)`).FindAllStringSubmatch(m[2], -1) {
			if !regexp.MustCompile(`(?m)^ +(?:-\w, )?` + flag[1] + `\b|^ +` + flag[1] + `,`).MatchString(help) {
				t.Errorf("%s %s has no flag %s", program, m[1], flag[1])
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d commands were found", tried)
	}
}

// helpOf is the help of a subcommand.
func helpOf(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command(program, command, "--help").CombinedOutput()
	if err != nil || !strings.Contains(string(out), program+" "+command+" ") {
		t.Errorf("there is no command %s: %v", command, err)
		return ""
	}
	return string(out)
}

// TestOperationsFlags holds that each flag that the page speaks of is one of the
// server's.
func TestOperationsFlags(t *testing.T) {
	server := flags(t)
	named := regexp.MustCompile("`--([a-z-]+)(?: [^`]*)?`").FindAllStringSubmatch(operations(t), -1)
	if len(named) < 10 {
		t.Errorf("only %d flags were found", len(named))
	}
	for _, m := range named {
		if !server[m[1]] && m[1] != "build" { // of docker compose
			t.Errorf("there is no flag --%s", m[1])
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^TELEMETRY_(\w+)=`).FindAllStringSubmatch(operations(t), -1) {
		if !server[flagOf(m[1])] {
			t.Errorf("TELEMETRY_%s is no flag's twin", m[1])
		}
	}
}
