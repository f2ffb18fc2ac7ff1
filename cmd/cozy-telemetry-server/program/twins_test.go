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

// otherValues are values that no flag of a type has by default.
var otherValues = map[string]string{
	"string": "other", "bool": "true", "int": "77", "int64": "77", "float64": "77", "duration": "77m", "strings": "other", "stringSlice": "other",
}

// Every flag of every command is set by its twin, if it is not given, and its help
// tells so.
func TestEveryFlagHasItsTwin(t *testing.T) {
	if rule := "Every flag, also of the commands, has a twin in the environment: `--forward-url` is `" + cli.Twin("forward-url") + "`"; !strings.Contains(repotest.Read(t, "docs/reference.md"), rule) {
		t.Errorf("docs/reference.md does not say: %s", rule)
	}
	names := []string{cli.Name}
	for _, cmd := range newRoot(cli.Environment{}).Commands() {
		names = append(names, cmd.Name())
	}
	seen := 0
	for _, cmd := range names {
		for _, given := range []bool{false, true} {
			env := map[string]string{}
			c := commandIn(env, cmd)
			c.Flags().VisitAll(func(f *pflag.Flag) {
				other, ok := otherValues[f.Value.Type()]
				if !ok {
					t.Fatalf("%s --%s is a %s: which value is none of its defaults?", cmd, f.Name, f.Value.Type())
				}
				env["TELEMETRY_"+strings.ReplaceAll(strings.ToUpper(f.Name), "-", "_")] = other
				if given {
					f.Changed = true
				}
			})
			if c.PreRunE != nil {
				_ = c.PreRunE(c, nil) // the values may be wrong together
			}
			first := true
			c.Flags().VisitAll(func(f *pflag.Flag) {
				seen++
				if isSet := f.Value.String() != f.DefValue; isSet == given {
					t.Errorf("%s --%s: given %v, and set by its twin %v", cmd, f.Name, given, isSet)
				}
				if first && !strings.Contains(c.Long, "--"+f.Name+" is "+cli.Twin(f.Name)) {
					t.Errorf("the help of %s does not tell of twins", cmd)
				}
				first = false
			})
		}
	}
	if seen < 100 {
		t.Errorf("only %d flags were seen", seen)
	}
}

// commandIn returns a command by its name, in an environment.
func commandIn(env map[string]string, cmd string) *cobra.Command {
	root := newRoot(cli.Environment{Now: time.Now, Getenv: func(key string) (string, bool) { v, ok := env[key]; return v, ok }})
	for _, c := range root.Commands() {
		if c.Name() == cmd {
			return c
		}
	}
	return root
}

// The file has two flags, which are taken for one another by every command that has either,
// and their twins are not.
func TestBothNamesOfTheFile(t *testing.T) {
	served, still := 0, 0
	for _, cmd := range append(newRoot(cli.Environment{}).Commands(), newRoot(cli.Environment{})) {
		name := "db"
		if cmd.Flag("db") == nil {
			continue
		}
		if cmd.Flag("db").Name == "db-path" {
			name = "db-path"
			served++
		} else {
			still++
		}
		for _, given := range []string{"--db=x.db", "--db-path=x.db"} {
			c := commandIn(map[string]string{}, cmd.Name())
			if err := c.ParseFlags([]string{given}); err != nil || c.Flag(name).Value.String() != "x.db" || !c.Flags().Changed(name) {
				t.Errorf("%s %s: %v, %q", cmd.Name(), given, err, c.Flag(name).Value)
			}
		}
		other := map[string]string{"db": "TELEMETRY_DB_PATH", "db-path": "TELEMETRY_DB"}[name]
		c := commandIn(map[string]string{other: "other.db"}, cmd.Name())
		_ = c.PreRunE(c, nil) // other flags may be needed
		if got := c.Flag(name).Value.String(); got == "other.db" {
			t.Errorf("%s takes %s", cmd.Name(), other)
		}
	}
	if served < 2 || still < 6 {
		t.Errorf("%d commands on a served file, %d on one that lies still", served, still)
	}
}
