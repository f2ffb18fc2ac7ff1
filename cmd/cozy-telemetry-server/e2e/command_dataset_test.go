package e2e

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

// The file of a final month is computed again of a copy of the database, by the command that
// the server's answer names, to the byte; its checksums are those of what arrives.
func TestDatasetOfAFileIsTheServers(t *testing.T) {
	db, _ := fleetFile(t)
	server := startServer(t, filepath.Dir(db), "--confirm-days=3", "--min-share=2")
	final := thisMonth() - 1
	served, commands := map[string]string{}, map[string]string{}
	for _, format := range []string{"csv", "parquet"} {
		query := fmt.Sprintf("month=%s&format=%s", final, format)
		resp, err := http.Get(server.Public + "/api/dataset?" + query)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		commands[format] = resp.Header.Get("X-Reproduce-With")
		served[format] = get(t, server.Public+"/api/dataset?"+query)
		sum := sha256.Sum256([]byte(served[format]))
		if want := "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"; resp.Header.Get("Repr-Digest") != want {
			t.Errorf("%s: Repr-Digest %q, not %q", format, resp.Header.Get("Repr-Digest"), want)
		}
		if want := fmt.Sprintf("%q", fmt.Sprintf("%x", sum)); resp.Header.Get("ETag") != want || resp.Header.Get("Cache-Control") != "public, max-age=3600" {
			t.Errorf("%s: %v", format, resp.Header)
		}
		line := fmt.Sprintf("%x  cozystack-%s.%s\n", sum, final, format)
		if got := get(t, server.Public+"/api/dataset.sha256?"+query); got != line {
			t.Errorf("%q, not %q", got, line)
		}
	}
	if lines := strings.Count(served["csv"], "\r\n"); lines < 30 || !strings.Contains(served["csv"], ",clusters,seen,cozystack_version,,v") {
		t.Errorf("the file has %d lines:\n%s", lines, served["csv"])
	}
	live := filepath.Join(t.TempDir(), "live.db")
	succeed(t, "backup", "--admin-addr", strings.TrimPrefix(server.Admin, "http://"), "-o", live)
	server.stop(t, syscall.SIGTERM)
	for _, copy := range []string{live, db} {
		for format, command := range commands {
			name, args, _ := strings.Cut(command, " ")
			if name != "cozy-telemetry-server" {
				t.Fatalf("the command is %q", command)
			}
			out := filepath.Join(t.TempDir(), "again."+format)
			succeed(t, append(strings.Fields(strings.Replace(args, "FILE", copy, 1)), "-o", out)...)
			if got, err := os.ReadFile(out); err != nil || string(got) != served[format] {
				t.Errorf("%s of %s: %v, %d bytes, not the %d that were served", format, copy, err, len(got), len(served[format]))
			}
		}
	}
	if r := command(t, "dataset", "--db", db, "--month", "2024-01"); r.code != program.ExitFailure || !strings.Contains(r.errs, "no telemetry data for 2024-01") {
		t.Errorf("a month without data: %+v", r)
	}
	if r := command(t, "dataset", "--db", db, "--month", final.String(), "--format", "xlsx", "--min-share", "0"); r.code != program.ExitUsage || !strings.Contains(r.errs, "--format") || !strings.Contains(r.errs, "--min-share") {
		t.Errorf("bad flags: %+v", r)
	}
}
