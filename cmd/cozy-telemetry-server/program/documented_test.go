package program

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
)

// TestDocumentedCommands holds the table of commands, and that of their flags, against
// the program. Each command has an example.
func TestDocumentedCommands(t *testing.T) {
	documented, flags := map[string]string{}, map[string]string{}
	for _, row := range repotest.Table(t, "| Command | Does |") {
		documented[row[0]] = row[1]
	}
	for _, row := range repotest.Table(t, "| Commands | Flag | Default | Meaning |") {
		for command := range strings.SplitSeq(row[0], ", ") {
			flags[command+" "+row[1]] = row[2] + " " + row[3]
		}
	}
	for _, cmd := range newRoot(cli.Environment{}).Commands() {
		if documented[cmd.Name()] != cmd.Short {
			t.Errorf("%s documented %q\nin --help %q", cmd.Name(), documented[cmd.Name()], cmd.Short)
		}
		delete(documented, cmd.Name())
		if !strings.Contains(cmd.Example, cli.Name+" "+cmd.Name()) {
			t.Errorf("%s has no example of itself", cmd.Name())
		}
		checkFlagRows(t, cmd, flags)
	}
	if len(documented)+len(flags) > 0 {
		t.Errorf("docs/reference.md has too much: %q %q", documented, flags)
	}
}

func checkFlagRows(t *testing.T, cmd *cobra.Command, rows map[string]string) {
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		flag := "--" + f.Name
		if f.Shorthand != "" {
			flag = "-" + f.Shorthand + ", " + flag
		}
		key, value := cmd.Name()+" "+flag, f.DefValue
		if d, err := time.ParseDuration(value); err == nil && d == time.Hour {
			value = "1h"
		}
		if want := value + " " + f.Usage; rows[key] != want {
			t.Errorf("%s:\ndocumented %q\nin --help  %q", key, rows[key], want)
		}
		delete(rows, key)
	})
}
