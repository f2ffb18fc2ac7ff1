package prose

import (
	"net/url"
	"slices"
	"strings"

	"github.com/yuin/goldmark/ast"
	table "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// tame takes out of a parsed text what may not be on a page.
type tame struct{ links Links }

// Transform is that of goldmark's parser.ASTTransformer.
func (t tame) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	var dead []ast.Node // links and pictures, of which only the text stays
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			if n.Destination = t.target(n.Destination); n.Destination == nil {
				dead = append(dead, n)
			}
		case *ast.AutoLink:
			if !isSafe(string(n.URL(reader.Source()))) && n.AutoLinkType == ast.AutoLinkURL {
				dead = append(dead, n)
			}
		case *ast.Image:
			dead = append(dead, n)
		case *table.Table:
			n.SetAttributeString("tabindex", []byte("0")) // it may scroll, also by keys
		}
		return ast.WalkContinue, nil
	})
	for _, n := range dead {
		unwrap(n, reader.Source())
	}
}

// target returns where a link leads, nil if it may not. The renderer resolves references
// such as &#106; once more, so that one that has any left is none.
func (t tame) target(written []byte) []byte {
	to := string(resolved(written))
	if t.links != nil {
		to = t.links(to)
	}
	if to == "" || !isSafe(to) || string(resolved([]byte(to))) != to {
		return nil
	}
	return []byte(to)
}

func resolved(text []byte) []byte {
	return util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(text)))
}

// isSafe tells whether a link does nothing but lead somewhere. A browser drops control
// characters of an address, so that one with any is none.
func isSafe(to string) bool {
	u, err := url.Parse(to)
	if err != nil || strings.ContainsFunc(to, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return false
	}
	return slices.Contains([]string{"", "http", "https", "mailto"}, u.Scheme)
}

// unwrap leaves the text of a node in its place.
func unwrap(n ast.Node, source []byte) {
	parent := n.Parent()
	if auto, ok := n.(*ast.AutoLink); ok {
		parent.ReplaceChild(parent, n, ast.NewString(auto.Label(source)))
		return
	}
	for child := n.FirstChild(); child != nil; {
		next := child.NextSibling()
		parent.InsertBefore(parent, n, child)
		child = next
	}
	parent.RemoveChild(parent, n)
}

// plain writes HTML of the text as text.
type plain struct{}

// RegisterFuncs is that of goldmark's renderer.NodeRenderer.
func (plain) RegisterFuncs(r renderer.NodeRendererFuncRegisterer) {
	r.Register(ast.KindCodeBlock, code)
	r.Register(ast.KindFencedCodeBlock, code)
	r.Register(ast.KindRawHTML, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			raw := n.(*ast.RawHTML)
			write(w, source, raw.Segments)
		}
		return ast.WalkSkipChildren, nil
	})
	r.Register(ast.KindHTMLBlock, func(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering {
			_, _ = w.WriteString("<p>") // goldmark keeps the error of a writer
			block := n.(*ast.HTMLBlock)
			write(w, source, block.Lines())
			if block.HasClosure() {
				html.DefaultWriter.RawWrite(w, block.ClosureLine.Value(source))
			}
			_, _ = w.WriteString("</p>\n")
		}
		return ast.WalkContinue, nil
	})
}

// code writes a block of code, which may scroll, also by keys.
func code(w util.BufWriter, source []byte, n ast.Node, entering bool) (ast.WalkStatus, error) {
	if entering {
		_, _ = w.WriteString(`<pre tabindex="0"><code>`)
		write(w, source, n.Lines())
		_, _ = w.WriteString("</code></pre>\n")
	}
	return ast.WalkContinue, nil
}

func write(w util.BufWriter, source []byte, lines *text.Segments) {
	for i := range lines.Len() {
		line := lines.At(i)
		html.DefaultWriter.RawWrite(w, line.Value(source))
	}
}
