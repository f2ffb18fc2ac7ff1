package e2e

import (
	"bytes"
	"path/filepath"
	"strconv"
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

// The health check of a container follows the server's environment. What it is told to
// ask, it asks.
func TestHealthcheckInTheServersEnvironment(t *testing.T) {
	server := startServer(t, t.TempDir())
	_, port, _ := strings.Cut(strings.TrimPrefix(server.Public, "http://"), ":")
	for _, addr := range []string{":" + port, "0.0.0.0:" + port, "[::]:" + port, "127.0.0.1:" + port, "localhost:" + port} {
		if r := commandWith(t, map[string]string{"TELEMETRY_LISTEN_ADDR": addr}, "healthcheck"); r.code != 0 || r.out != "ready\n" {
			t.Errorf("%s: %+v", addr, r)
		}
	}
	nobody := map[string]string{"TELEMETRY_LISTEN_ADDR": "127.0.0.1:1"}
	of := "--of-pid=" + strconv.Itoa(server.cmd.Process.Pid)
	if r := commandWith(t, nobody, "healthcheck", of, "--listen-addr", "127.0.0.1:2"); r.code != program.ExitFailure || !strings.Contains(r.errs, "127.0.0.1:2") {
		t.Errorf("a flag does not win over that of the process: %+v", r)
	}
	if r := commandWith(t, nobody, "healthcheck", of); r.code != program.ExitFailure || !strings.Contains(r.errs, "127.0.0.1:0") {
		t.Errorf("the server's flag is not asked: %+v", r)
	}
	if r := commandWith(t, nobody, "healthcheck"); r.code != program.ExitFailure || !strings.Contains(r.errs, "127.0.0.1:1") {
		t.Errorf("where nobody is: %+v", r)
	}
	if r := commandWith(t, nobody, "healthcheck", "--url", server.Public+"/readyz"); r.code != 0 {
		t.Errorf("what it is told: %+v", r)
	}
	for want, args := range map[string][]string{"--listen-addr: ": {"--listen-addr=8081"}, "--url: ": {"--url=127.0.0.1:8081"}} {
		if r := command(t, append([]string{"healthcheck"}, args...)...); r.code != program.ExitUsage || !strings.Contains(r.errs, want) {
			t.Errorf("%q: %+v", args, r)
		}
	}
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
