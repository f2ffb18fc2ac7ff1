package repotest

import (
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/attack"
)

// TestDocumentedAttacks holds that SECURITY.md has a row for each attack that loadgen
// tries, that every row says all that its columns ask for, and that the last cell names
// tests, which exist.
func TestDocumentedAttacks(t *testing.T) {
	_, text, _ := strings.Cut(Read(t, "SECURITY.md"), "\n## Attacks\n")
	text, _, _ = strings.Cut(text, "\n#")
	tests, keys := testNames(t), []string(nil)
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != 6 || strings.HasPrefix(cells[0], "-") || strings.Contains(cells[0], "Attack") {
			continue
		}
		key, _, _ := strings.Cut(strings.TrimLeft(cells[0], " `"), "`")
		keys = append(keys, key)
		for i, cell := range cells {
			if strings.TrimSpace(cell) == "" {
				t.Errorf("%s: cell %d is empty", key, i)
			}
		}
		named := testName.FindAllString(cells[5], -1)
		if len(named) == 0 {
			t.Errorf("%s names no test", key)
		}
		for _, name := range named {
			if !slices.Contains(tests, name) {
				t.Errorf("%s: there is no test %s", key, name)
			}
		}
	}
	for _, key := range attack.Keys() {
		if !slices.Contains(keys, key) {
			t.Errorf("the attack %s has no row among %v", key, keys)
		}
	}
}
