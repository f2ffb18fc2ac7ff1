package e2e

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

// commandWith runs a command in an environment.
func commandWith(t *testing.T, env map[string]string, args ...string) ran {
	t.Helper()
	var out, errs bytes.Buffer
	code := program.Run(t.Context(), cli.Environment{
		Args: args, Stdout: &out, Stderr: &errs, Now: time.Now,
		Getenv: func(key string) (string, bool) { v, ok := env[key]; return v, ok },
		Environ: func() (all []string) {
			for key, value := range env {
				all = append(all, key+"="+value)
			}
			return all
		},
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
	if r := commandWith(t, env, months...); r.code != program.ExitFailure || !strings.Contains(r.errs, db+": ") || !strings.Contains(r.errs, "in use") {
		t.Errorf("backfill of the server's file: %+v", r)
	}
	env["TELEMETRY_ADMIN_ADDR"] = ":" + port
	if r := commandWith(t, env, months...); r.code != program.ExitFailure || !strings.Contains(r.errs, "--vmselect-url") {
		t.Errorf("backfill by a server that has no vmselect: %+v", r)
	}
	if r := commandWith(t, env, append(months, "--db-path", db)...); r.code != program.ExitFailure || !strings.Contains(r.errs, "in use") {
		t.Errorf("backfill of a file that is named: %+v", r)
	}
	copied := filepath.Join(dir, "copy.db")
	if r := commandWith(t, env, "backup", "-o", copied); r.code != 0 {
		t.Errorf("backup: %+v", r)
	}
	if r := commandWith(t, map[string]string{"TELEMETRY_DB": copied, "TELEMETRY_JSON": "1"}, "inspect"); r.code != 0 || !strings.HasPrefix(r.out, "{") {
		t.Errorf("inspect: %+v", r)
	}
	misspelled := map[string]string{"TELEMETRY_DB": copied, "TELEMETRY_JSN": "1"}
	if r := commandWith(t, misspelled, "inspect"); r.code != 0 || r.errs != "cozy-telemetry-server: TELEMETRY_JSN is no flag's twin; the nearest is TELEMETRY_JSON of --json\n" {
		t.Errorf("inspect with a misspelled twin: %+v", r)
	}
	wrong := map[string]string{"TELEMETRY_JSON": "maybe"}
	if r := commandWith(t, wrong, "inspect"); r.code != program.ExitUsage || !strings.Contains(r.errs, `--json: "maybe" is not a valid bool`) || !strings.Contains(r.errs, "--db: is required") {
		t.Errorf("inspect with a wrong twin: %+v", r)
	}
}
