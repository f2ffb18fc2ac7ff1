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
	Nodes    []node
}

// node is an element by its selector, behind those of the frames that it is in, if any.
type node struct {
	Target         []any
	FailureSummary string
}

// axe lets axe-core look at the page, with all rules that it has on by default.
func (p *tab) axe() (found findings) {
	p.t.Helper()
	if !eval[bool](p, `"axe" in window`) {
		eval[any](p, axeSource+"; true")
	}
	text := eval[string](p, `axe.run(document, {resultTypes: ["violations", "incomplete"]}).then(r => JSON.stringify(r))`)
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		p.t.Fatal(err)
	}
	return found
}

// String says what is wrong and where, in a few of the places.
func (f finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d times: %s", f.ID, len(f.Nodes), f.Help)
	for _, n := range f.Nodes[:min(3, len(f.Nodes))] {
		fmt.Fprintf(&b, "\n  %v %s", n.Target, n.FailureSummary)
	}
	return b.String()
}
