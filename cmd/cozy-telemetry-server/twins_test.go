package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// otherValues are values that no flag of a type has by default.
var otherValues = map[string]string{
	"string": "other", "bool": "true", "int": "77", "int64": "77", "float64": "77", "duration": "77m", "strings": "other", "stringSlice": "other",
}

// Every flag of every command is set by its twin, if it is not given, and its help
// tells so.
func TestEveryFlagHasItsTwin(t *testing.T) {
	if rule := "Every flag, also of the commands, has a twin in the environment: `--forward-url` is `" + twin("forward-url") + "`"; !strings.Contains(readDoc(t, "docs/reference.md"), rule) {
		t.Errorf("docs/reference.md does not say: %s", rule)
	}
	names := []string{name}
	for _, cmd := range newRoot(environment{}).Commands() {
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
				if first && !strings.Contains(c.Long, "--"+f.Name+" is "+twin(f.Name)) {
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
	root := newRoot(environment{now: time.Now, getenv: func(key string) (string, bool) { v, ok := env[key]; return v, ok }})
	for _, c := range root.Commands() {
		if c.Name() == cmd {
			return c
		}
	}
	return root
}

// commandWith runs a command in an environment.
func commandWith(t *testing.T, env map[string]string, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	code := run(t.Context(), environment{
		args: args, stdout: &out, stderr: &errs, now: time.Now,
		getenv: func(key string) (string, bool) { v, ok := env[key]; return v, ok },
	})
	return ran{code, out.String(), errs.String()}
}

// A command in the server's environment works on the server's file, and asks that
// server. What is named by a flag is what it is done to.
func TestCommandsInTheServersEnvironment(t *testing.T) {
	dir := t.TempDir()
	server := startServer(t, dir)
	db := filepath.Join(dir, "telemetry.db")
	_, port, _ := strings.Cut(server.adminAddr(), ":")
	env := map[string]string{"TELEMETRY_DB_PATH": db}
	months := []string{"backfill", "--from", "2026-01", "--to", "2026-01"}
	if r := commandWith(t, env, months...); r.code != exitFailure || !strings.Contains(r.errs, db+": ") || !strings.Contains(r.errs, "in use") {
		t.Errorf("backfill of the server's file: %+v", r)
	}
	env["TELEMETRY_ADMIN_ADDR"] = ":" + port
	if r := commandWith(t, env, months...); r.code != exitFailure || !strings.Contains(r.errs, "--vmselect-url") {
		t.Errorf("backfill by a server that has no vmselect: %+v", r)
	}
	if r := commandWith(t, env, append(months, "--db-path", db)...); r.code != exitFailure || !strings.Contains(r.errs, "in use") {
		t.Errorf("backfill of a file that is named: %+v", r)
	}
	copied := filepath.Join(dir, "copy.db")
	if r := commandWith(t, env, "backup", "-o", copied); r.code != 0 {
		t.Errorf("backup: %+v", r)
	}
	if r := commandWith(t, map[string]string{"TELEMETRY_DB": copied, "TELEMETRY_JSON": "1"}, "inspect"); r.code != 0 || !strings.HasPrefix(r.out, "{") {
		t.Errorf("inspect: %+v", r)
	}
	wrong := map[string]string{"TELEMETRY_JSON": "maybe"}
	if r := commandWith(t, wrong, "inspect"); r.code != exitUsage || !strings.Contains(r.errs, `--json: "maybe" is not a valid bool`) || !strings.Contains(r.errs, "--db: is required") {
		t.Errorf("inspect with a wrong twin: %+v", r)
	}
}
