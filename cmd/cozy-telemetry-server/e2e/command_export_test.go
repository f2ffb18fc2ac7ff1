package e2e

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/export"
)

// columnOf returns the cells of a column of what the command prints as CSV: sorted,
// each once.
func columnOf(t *testing.T, column string, args ...string) (cells []string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(succeed(t, append([]string{"export"}, args...)...))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.Index(rows[0], column)
	for _, r := range rows[1:] {
		cells = append(cells, r[at])
	}
	slices.Sort(cells)
	return slices.Compact(cells)
}

func TestExportWindow(t *testing.T) {
	db, _ := fleetFile(t)
	last := thisMonth() - 1
	first := last.First()
	for _, test := range []struct{ what, column, from, to, first, last string }{
		{"months", "month", "", "", (last - 1).First().String(), first.String()},
		{"months", "month", last.String(), "", first.String(), first.String()},
		{"months", "month", "", (last - 1).String(), (last - 1).First().String(), (last - 1).First().String()},
		{"days", "date", (first + 3).String(), (first + 4).String(), (first + 3).String(), (first + 4).String()},
		{"series", "date", last.String(), last.String(), first.String(), last.Last().String()},
	} {
		got := columnOf(t, test.column, "--db", db, "--what", test.what, "--from", test.from, "--to", test.to)
		if len(got) == 0 || got[0] != test.first || got[len(got)-1] != test.last {
			t.Errorf("%+v: %q", test, got)
		}
	}
	if got := columnOf(t, "date", "--db", db, "--from", "2020-01", "--to", "2020-02"); len(got) != 0 {
		t.Errorf("a time without reports has %q", got)
	}
}

// The key of a file, without the white space around it, gives the names.
func TestExportAnonymized(t *testing.T) {
	db, _ := fleetFile(t)
	key := filepath.Join(t.TempDir(), "key")
	setKey := func(text string) {
		if err := os.WriteFile(key, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	setKey("0123456789abcdef\n")
	alias, err := export.KeyedAlias([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	plain := columnOf(t, "cluster", "--db", db)
	var want []string
	for _, cluster := range plain {
		want = append(want, alias(cluster))
	}
	slices.Sort(want)
	if got := columnOf(t, "cluster", "--db", db, "--anonymize", "--anonymize-key-file", key); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got := columnOf(t, "cluster", "--db", db, "--anonymize")
	if len(got) != len(plain) || slices.Equal(got, want) || slices.Equal(got, plain) {
		t.Errorf("without a key: %q", got)
	}
	setKey("short\n")
	if r := command(t, "export", "--db", db, "--anonymize", "--anonymize-key-file", key); r.code == 0 || !strings.Contains(r.errs, "has 5 bytes; a key has at least 16") {
		t.Errorf("a short key: %+v", r)
	}
}
