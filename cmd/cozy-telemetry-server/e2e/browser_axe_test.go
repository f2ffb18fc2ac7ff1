package e2e

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
)

// axeSource is axe-core; testdata/axe/README.md says which.
//
//go:embed testdata/axe/axe.min.js
var axeSource string

// findings are what axe-core says of a page: violations of its rules, and what it can't tell.
type findings struct{ Violations, Incomplete []finding }

// finding is a rule, and the elements that it found.
type finding struct {
	ID, Help string
	Nodes    []struct {
		Target         []any
		FailureSummary string
	}
}

// axe lets axe-core look at the page, with all rules that it has on by default.
func (p *tab) axe() (found findings) {
	p.t.Helper()
	eval[any](p, axeSource+"; true")
	text := eval[string](p, `axe.run(document, {resultTypes: ["violations", "incomplete"]}).then(r => JSON.stringify(r))`)
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		p.t.Fatal(err)
	}
	return found
}

// rules names what was found, with the elements of each.
func rules(all []finding) (names []string) {
	for _, f := range all {
		names = append(names, f.ID)
	}
	return names
}

// String says what is wrong and where.
func (f finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.ID, f.Help)
	for _, n := range f.Nodes {
		fmt.Fprintf(&b, "\n  %v %s", n.Target, n.FailureSummary)
	}
	return b.String()
}
