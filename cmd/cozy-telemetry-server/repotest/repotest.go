// Package repotest holds the repository to what it says of itself, by its tests: which
// folder may import what, that only the start of a process reads the clock, that
// documents lead where they point, and that each fault has its tests.
//
// The tests of other rooms read documents with [Read] and [Table]: that flags, commands,
// metrics and the example of the README are as documented is held where they are
// declared.
package repotest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Root is the project's folder, as the tests of a room of the program see it.
const Root = "../../.."

// Read returns the text of a file of the project, by its path there.
func Read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Table returns the rows of the table of docs/reference.md with this head, without
// the quotes of code.
func Table(t *testing.T, head string) [][]string {
	t.Helper()
	_, text, found := strings.Cut(Read(t, "docs/reference.md"), "\n"+head+"\n")
	if !found {
		t.Fatalf("docs/reference.md has no table %q", head)
	}
	var rows [][]string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "`", "")
		}
		rows = append(rows, cells)
	}
	return rows[1:] // behind the line of dashes
}
