package prose

import (
	"bytes"
	"fmt"
	"html/template"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer"
	"github.com/yuin/goldmark/util"
)

// Links returns where a link of the text leads on the page; "" leaves its text alone. What it
// returns is held to be safe all the same. Nil leaves links as they are.
type Links func(target string) string

// HTML returns a text as safe HTML. It fails on no text.
func HTML(markdown []byte, links Links) (template.HTML, error) {
	md := goldmark.New(
		goldmark.WithExtensions(
			// Without styles, which a page's policy would refuse.
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)),
			extension.Strikethrough, extension.Linkify,
		),
		goldmark.WithParserOptions(
			parser.WithAutoHeadingID(),
			parser.WithASTTransformers(util.Prioritized(tame{links}, 1000)), // after all others
		),
		goldmark.WithRendererOptions(renderer.WithNodeRenderers(util.Prioritized(plain{}, 100))),
	)
	var b bytes.Buffer
	err := md.Convert(markdown, &b, parser.WithContext(parser.NewContext(parser.WithIDs(&anchors{used: make(map[string]int)}))))
	if err != nil {
		return "", fmt.Errorf("prose: %w", err)
	}
	return template.HTML(b.String()), nil
}
