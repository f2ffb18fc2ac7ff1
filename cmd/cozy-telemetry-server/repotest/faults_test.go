package repotest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// faultRows are the faults that docs/faults.md must have.
var faultRows = strings.Fields(`F1 F2 F3 F4 F5 F6 F7 F8 F9 F10 F11 F12 F13
	G1 G2 G4 G5 G6 G7 G9 G10
	S1 S2 S3 S5 S6 S7 S8 S11 S12 S14 S18 S19 S21 S22 S23
	A1 A2 A3 A4 A5 A6 A7 A9 A10 A12 A13`)

// rowName is what the name of a test begins with that is for one row or more.
var rowName = regexp.MustCompile(`^Test((?:[FGSA][0-9]+)+)[A-Z]`)

// TestDocumentedFaults holds that docs/faults.md has every row, that the tests it
// names exist, and that a test named after a row, or one that fuzzes, is in its row.
func TestDocumentedFaults(t *testing.T) {
	tests, named, rows := testNames(t), make(map[string][]string), []string(nil)
	for line := range strings.Lines(Read(t, "docs/faults.md")) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		row := strings.TrimSpace(cells[0])
		if len(cells) != 4 || row == "Row" || strings.HasPrefix(row, "-") {
			continue
		}
		rows = append(rows, row)
		for _, m := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(cells[3], -1) {
			named[row] = append(named[row], m[1])
			if !slices.Contains(tests, m[1]) {
				t.Errorf("%s: there is no test %s", row, m[1])
			}
		}
		if len(named[row]) == 0 {
			t.Errorf("%s names no test", row)
		}
	}
	if !slices.Equal(rows, faultRows) {
		t.Errorf("the rows are\n%v, want\n%v", rows, faultRows)
	}
	for _, test := range tests {
		if strings.HasPrefix(test, "Fuzz") && !slices.Contains(named["S22"], test) {
			t.Errorf("%s is not in the row S22", test)
		}
		if m := rowName.FindStringSubmatch(test); m != nil {
			for _, row := range regexp.MustCompile(`[FGSA][0-9]+`).FindAllString(m[1], -1) {
				if !slices.Contains(named[row], test) {
					t.Errorf("%s is not in the row %s", test, row)
				}
			}
		}
	}
}

// testName is what the name of a test, a fuzz test or a benchmark is.
var testName = regexp.MustCompile(`\b(?:Test|Fuzz|Benchmark)[A-Z]\w*`)

// testNames returns the names of all tests, fuzz tests and benchmarks of the project.
func testNames(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(Root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && testName.MatchString(f.Name.Name) {
				names = append(names, f.Name.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
