package repotest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentedRooms holds that the map in CONTRIBUTING.md has every room, and says
// what the import rule lets it import of the project.
func TestDocumentedRooms(t *testing.T) {
	documented := documentedRooms(t)
	for room := range documented {
		if _, err := os.Stat(filepath.Join(Root, room)); err != nil {
			t.Errorf("there is no room: %v", err)
		}
	}
	for folder := range sourceFiles(t) {
		allowed, ruled := imports[folder]
		if !ruled || folder == ".ci" {
			continue // TestImportRule knows which folders need no rule
		}
		var want []string
		for _, path := range allowed {
			if room, ours := strings.CutPrefix(path, module); ours {
				want = append(want, room)
			}
		}
		slices.Sort(want)
		if got, ok := documented[folder]; !ok || !slices.Equal(got, want) {
			t.Errorf("%s may import %q; CONTRIBUTING.md says %q", folder, want, got)
		}
	}
	if len(documented) < 15 {
		t.Errorf("only %d rooms were found", len(documented))
	}
}

// documentedRooms returns what each room may import, by the tables of CONTRIBUTING.md;
// the rooms of the program are named there without its folder.
func documentedRooms(t *testing.T) map[string][]string {
	t.Helper()
	quoted := regexp.MustCompile("`([^`]+)`")
	rooms := make(map[string][]string)
	for line := range strings.Lines(Read(t, "CONTRIBUTING.md")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		name := quoted.FindStringSubmatch(cells[0])
		if len(cells) != 3 || name == nil {
			continue
		}
		var may []string
		for _, m := range quoted.FindAllStringSubmatch(cells[2], -1) {
			may = append(may, fullRoom(m[1]))
		}
		slices.Sort(may)
		rooms[fullRoom(name[1])] = may
	}
	return rooms
}

// fullRoom is the folder of a room that may be named within the program's.
func fullRoom(name string) string {
	if _, err := os.Stat(filepath.Join(Root, server, name)); err == nil {
		return server + "/" + name
	}
	return name
}
