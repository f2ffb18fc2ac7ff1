package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/program"
)

// An export does not replace a file unless it is told to, and one that fails leaves
// nothing behind.
func TestOutputIsWholeOrNotThere(t *testing.T) {
	db, _ := fleetFile(t)
	dir := t.TempDir()
	out := filepath.Join(dir, "days.csv")
	if err := os.WriteFile(out, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := command(t, "export", "--db", db, "-o", out); r.code != program.ExitFailure || !strings.Contains(r.errs, "--force") {
		t.Errorf("an existing file: %+v", r)
	}
	if content, _ := os.ReadFile(out); string(content) != "mine" {
		t.Error("it was replaced")
	}
	succeed(t, "export", "--db", db, "-o", out, "--force")
	if content, _ := os.ReadFile(out); !strings.HasPrefix(string(content), "date,cluster,") {
		t.Error("it was not replaced")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder has %v, %v", entries, err)
	}
}
