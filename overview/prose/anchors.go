package prose

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
)

// anchors names headings as GitHub does, so that a link within a page leads to the same place
// there and here. The second of a name has a number.
type anchors struct{ used map[string]int }

// Generate is that of goldmark's parser.IDs.
func (a *anchors) Generate(value []byte, _ ast.NodeKind) []byte {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(string(value)))
	if name == "" {
		name = "heading"
	}
	n := a.used[name]
	a.used[name]++
	if n > 0 {
		return a.Generate([]byte(name+"-"+strconv.Itoa(n)), ast.KindHeading)
	}
	return []byte(name)
}

// Put notes a name that is taken.
func (a *anchors) Put(value []byte) { a.used[string(value)]++ }
