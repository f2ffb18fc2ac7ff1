package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/export"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// ran is what came of a command.
type ran struct {
	code      int
	out, errs string
}

// command runs the program in this process.
func command(t *testing.T, args ...string) ran {
	t.Helper()
	return commandWith(t, nil, args...)
}

// succeed runs a command that must succeed, and returns what it prints.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	r := command(t, args...)
	if r.code != 0 {
		t.Fatalf("%q: exit code %d: %s%s", args, r.code, r.out, r.errs)
	}
	return r.out
}

// fleetFile makes a file that has the last two months of a small fleet, with
// kernel upgrades, births and deaths, and returns its path and the true figures.
func fleetFile(t *testing.T) (string, map[rollup.MonthID]load.Month) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "telemetry.db")
	last := thisMonth() - 1
	result, err := load.DB(t.Context(), load.DBOptions{
		Path: path, From: last - 1, To: last, Every: 8 * time.Hour, Now: time.Now,
		Fleet: fleet.Config{Clusters: 40, UpgradeShare: 0.5, BirthShare: 0.3, DeathShare: 0.3},
	})
	if err != nil {
		t.Fatal(err)
	}
	return path, result.Months
}

// fingerprint is the content of a file and when it was last changed.
func fingerprint(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x %v", sha256.Sum256(content), info.ModTime())
}

// readCommands are commands on a file that must not change it; OUT is a new name.
func readCommands(db string) [][]string {
	month := (thisMonth() - 1).String()
	commands := [][]string{
		{"overview", "--db", db, "--month", month},
		{"overview", "--db", db, "--month", month, "--aggregate", "distinct"},
		{"inspect", "--db", db},
		{"inspect", "--db", db, "--json"},
		{"anomalies", "--db", db},
		{"verify", "--db", db},
		{"merge", db, db, "-o", "OUT"},
		{"compact", "--db", db, "-o", "OUT"},
		{"export", "--db", db, "--what", "days", "--anonymize"},
	}
	for _, what := range export.Tables() {
		for _, format := range export.Formats() {
			commands = append(commands, []string{"export", "--db", db, "--what", what, "--format", format, "-o", "OUT"})
		}
	}
	return commands
}

func TestReadingLeavesTheFileAsItIs(t *testing.T) {
	t.Parallel()
	db, _ := fleetFile(t)
	before := fingerprint(t, db)
	for _, args := range readCommands(db) {
		if i := slices.Index(args, "OUT"); i > 0 {
			args[i] = filepath.Join(t.TempDir(), "out")
		}
		succeed(t, args...)
		if fingerprint(t, db) != before {
			t.Fatalf("%q has changed the file", args)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(db)); len(entries) != 1 {
		t.Errorf("beside the file there is now %v", entries)
	}
}

func TestLiveFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	startServer(t, dir)
	db := filepath.Join(dir, "telemetry.db")
	before := fingerprint(t, db)
	out := filepath.Join(t.TempDir(), "out")
	commands := append(readCommands(db)[:9], []string{"forget", "--db", db, "--cluster", "c", "--yes"})
	for _, args := range commands {
		if i := slices.Index(args, "OUT"); i > 0 {
			args[i] = out
		}
		start := time.Now()
		r := command(t, args...)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%q took %v", args, took)
		}
		if r.code != program.ExitFailure || !strings.Contains(r.errs, "cozy-telemetry-server backup") {
			t.Errorf("%q: exit code %d, %s", args, r.code, r.errs)
		}
	}
	if fingerprint(t, db) != before {
		t.Error("the file has changed")
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("there is output")
	}
}

func TestWrongFlagsOfCommands(t *testing.T) {
	for want, args := range map[string][]string{
		"--db: is required":                        {"inspect"},
		"--month: is required":                     {"overview", "--db", "x"},
		`--month: "March" is not a month`:          {"overview", "--db", "x", "--month", "March"},
		"is in the future":                         {"overview", "--db", "x", "--month", "2090-01"},
		`--aggregate: "sum" is not`:                {"overview", "--db", "x", "--month", "2026-01", "--aggregate", "sum"},
		`--what: "tea" is not`:                     {"export", "--db", "x", "--what", "tea"},
		`--from: "2026-01-05" is not a month`:      {"export", "--db", "x", "--what", "months", "--from", "2026-01-05"},
		"--to: 2026-01 is before 2026-02":          {"export", "--db", "x", "--from", "2026-02", "--to", "2026-01"},
		`unexpected argument "x.db": inspect`:      {"inspect", "x.db"},
		"see cozy-telemetry-server inspect -":      {"inspect", "--no-such-flag"},
		`unknown command "tea"`:                    {"tea"},
		`unknown command "inspec"; is it inspect?`: {"inspec", "--db", "x"},
		`unknown command "bakup"; is it backup?`:   {"bakup"},
		`--to: "soon" is not a month or a day`:     {"export", "--db", "x", "--to", "soon"},
		"is nothing without --anonymize":           {"export", "--db", "x", "--anonymize-key-file", "y"},
		"name the files":                           {"merge", "-o", "x"},
		"--output: is required":                    {"merge", "x"},
		"--cluster: is required":                   {"forget", "--db", "x"},
		`--admin-addr: "nowhere" is not`:           {"backup", "-o", "x", "--admin-addr", "nowhere"},
		`--admin-addr: "x" is not host:port`:       {"anomalies", "--admin-addr", "x"},
		"--confirm-days: 0 is not between 1":       {"verify", "--db", "x", "--confirm-days", "0"},
		"--snapshot-dir: is required":              {"restore", "-o", "x"},
		`--final-grace: "1x" is not a valid dur`:   {"--final-grace", "1x"},
		`--final-grace: 1y is not between`:         {"--final-grace", "1y"},
	} {
		if r := command(t, args...); r.code != program.ExitUsage || !strings.Contains(r.errs, want) {
			t.Errorf("%q: exit code %d, %s", args, r.code, r.errs)
		}
	}
}

// What is wrong with a place is one line with what to do, and nothing is made there.
func TestPlacesThatCommandsRefuse(t *testing.T) {
	db, mirror := mirrored(t)
	dir := t.TempDir()
	text, none, out := filepath.Join(dir, "text"), filepath.Join(dir, "none"), filepath.Join(dir, "out")
	if err := os.WriteFile(text, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := fingerprint(t, db)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"none: file does not exist; name the file", []string{"inspect", "--db", none}},
		{"none: file does not exist; name the file", []string{"merge", db, none, "-o", out}},
		{"text: there is such a file already; --force replaces it", []string{"export", "--db", db, "-o", text}},
		{"text: there is such a file already; name another", []string{"compact", "--db", db, "-o", text}},
		{"text: there is such a file already; name another", []string{"merge", db, "-o", text}},
		{"text: there is such a file already; name another", []string{"restore", "--snapshot-dir", mirror, "-o", text}},
		{"it is a folder; name a file", []string{"export", "--db", db, "-o", dir, "--force"}},
		{"none: there is no such folder", []string{"export", "--db", db, "-o", filepath.Join(none, "out")}},
		{"none: there is no such folder", []string{"compact", "--db", db, "-o", filepath.Join(none, "out")}},
		{"is what is read; name another", []string{"export", "--db", db, "-o", db, "--force"}},
		{"--snapshot-dir: " + none + ": there is no such folder", []string{"restore", "--snapshot-dir", none, "-o", out}},
		{"--snapshot-dir: " + none + ": there is no such folder", []string{"verify", "--db", db, "--snapshot-dir", none}},
		{"--snapshot-dir: " + none + ": there is no such folder", []string{"forget", "--db", db, "--snapshot-dir", none, "--cluster", "c", "--yes"}},
		{"--snapshot-dir: " + text + ": it is not a folder", []string{"forget", "--db", db, "--snapshot-dir", text, "--cluster", "c", "--yes"}},
		{"inspect lists the months", []string{"overview", "--db", db, "--month", "2024-01"}},
	} {
		r := command(t, c.args...)
		if r.code != program.ExitFailure || !strings.Contains(r.errs, c.want) || strings.Count(r.errs, "\n") != 1 {
			t.Errorf("%q: exit code %d, %s", c.args, r.code, r.errs)
		}
	}
	if content, _ := os.ReadFile(text); string(content) != "mine" || fingerprint(t, db) != before {
		t.Error("a file has changed")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the folder has %v", entries)
	}
}

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestCommandOnAFullDisk(t *testing.T) {
	db, _ := fleetFile(t)
	var errs bytes.Buffer
	env := cli.Environment{
		Args: []string{"export", "--db", db}, Stdout: fullDisk{}, Stderr: &errs, Now: time.Now,
		Getenv: func(string) (string, bool) { return "", false }, Environ: func() []string { return nil },
	}
	if code := program.Run(t.Context(), env); code != program.ExitFailure || !strings.Contains(errs.String(), "no space left on device; free space on the disk") {
		t.Errorf("exit code %d, %s", code, &errs)
	}
}

// A file that a server has open is not replaced under it.
func TestForceSparesALiveFile(t *testing.T) {
	dir := t.TempDir()
	server := startServer(t, dir)
	live := filepath.Join(dir, "telemetry.db")
	r := command(t, "backup", "--admin-addr", server.adminAddr(), "-o", live, "--force")
	if r.code != program.ExitFailure || !strings.Contains(r.errs, "in use by another process") {
		t.Errorf("exit code %d, %s", r.code, r.errs)
	}
}

// A command that a signal stops says so, in words.
func TestInterruptedCommand(t *testing.T) {
	db, _ := fleetFile(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "out")
	for _, args := range [][]string{{"verify", "--db", db}, {"export", "--db", db, "-o", out}, {"merge", db, "-o", out}} {
		var errs bytes.Buffer
		code := program.Run(ctx, cli.Environment{Args: args, Stdout: io.Discard, Stderr: &errs, Now: time.Now, Getenv: func(string) (string, bool) { return "", false }, Environ: func() []string { return nil }})
		if want := cli.Name + ": interrupted before it was done; run it again\n"; code != program.ExitFailure || errs.String() != want {
			t.Errorf("%q: exit code %d, %s", args, code, &errs)
		}
	}
	if entries, _ := os.ReadDir(filepath.Dir(out)); len(entries) != 0 {
		t.Errorf("the folder has %v", entries)
	}
}
