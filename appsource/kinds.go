package appsource

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
)

// kindsCSV has the columns kind, app and note, with a head line. A note that
// begins with one of formerNotes marks what is not in packages/apps today.
//
//go:embed kinds.csv
var kindsCSV string

var formerNotes = []string{"packages/extra", "until v1.0"}

// table is what kinds.csv says.
type table struct {
	// apps maps the folded form of a kind to its application.
	apps map[string]string
	// listed are the applications in packages/apps, sorted.
	listed []string
}

// kindRows returns the rows of the built-in table. It panics if that is damaged, which a
// test rules out.
func kindRows() [][]string {
	rows, err := csv.NewReader(strings.NewReader(kindsCSV)).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("appsource: built-in kinds.csv: %v", err))
	}
	return rows[1:]
}

func readTable() table {
	t := table{apps: make(map[string]string)}
	for _, row := range kindRows() {
		kind, app, note := row[0], row[1], row[2]
		t.apps[fold(kind)] = app
		former := slices.ContainsFunc(formerNotes, func(p string) bool { return strings.HasPrefix(note, p) })
		if !former {
			t.listed = append(t.listed, app)
		}
	}
	slices.Sort(t.listed)
	t.listed = slices.Compact(t.listed)
	return t
}

// Kinds returns the kinds that the built-in table knows, as they are reported.
func Kinds() (kinds []string) {
	for _, row := range kindRows() {
		kinds = append(kinds, row[0])
	}
	return kinds
}

// fold returns the form in which names are compared: two that differ only in
// case or hyphens, such as HTTPCache and http-cache, mean the same.
func fold(name string) string {
	return strings.ToLower(strings.ReplaceAll(name, "-", ""))
}
