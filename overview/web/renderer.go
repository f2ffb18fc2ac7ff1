package web

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
)

//go:embed templates
var templateFiles embed.FS

// Renderer makes pages. Any number may use one at once.
type Renderer struct {
	templates *template.Template
	assets    map[string]Asset
}

// New reads the embedded templates and assets. It fails only where these are wrong.
func New() (*Renderer, error) {
	assets, err := loadAssets()
	if err != nil {
		return nil, err
	}
	r := &Renderer{assets: assets}
	r.templates, err = template.New("").Funcs(template.FuncMap{"asset": r.assetPath}).ParseFS(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return r, nil
}

// assetPath is where a page finds an asset.
func (r *Renderer) assetPath(name string) (string, error) {
	a, ok := r.assets[name]
	if !ok {
		return "", fmt.Errorf("web: there is no asset %s", name)
	}
	return a.Path, nil
}

// Assets returns all files that pages ask for.
func (r *Renderer) Assets() []Asset {
	return slices.SortedFunc(maps.Values(r.assets), func(a, b Asset) int { return strings.Compare(a.Path, b.Path) })
}

// frame is what all pages have around what is theirs.
type frame struct {
	// Title is that of the window, Description what a search engine shows.
	Title, Description string
}

// Render makes the page of figures. It needs an Overview or a Product.
func (r *Renderer) Render(p Page) ([]byte, error) { return r.figures("page", p) }

// RenderEmbed makes the main figures of a page alone, for frames of other sites.
func (r *Renderer) RenderEmbed(p Page) ([]byte, error) { return r.figures("embed", p) }

func (r *Renderer) figures(name string, p Page) ([]byte, error) {
	if p.Overview == nil && p.Product == nil {
		return nil, errors.New("web: a page of neither an overview nor a product")
	}
	return r.execute(name, p.view())
}

// Message is a page that says what is wrong, or missing, and what to do.
type Message struct {
	// Title is short, Text a sentence or two.
	Title, Text string
	// Code is a command to copy, "" for none.
	Code string
	// Links lead on.
	Links []MessageLink
}

// MessageLink leads on from a message.
type MessageLink struct{ Text, Href string }

// RenderMessage makes the page of a message.
func (r *Renderer) RenderMessage(m Message) ([]byte, error) {
	return r.execute("message", struct {
		frame
		Says Message
	}{frame{Title: m.Title}, m})
}

// RenderDocument makes a page of prose. The body is trusted to be safe HTML. Its headings
// begin with an h1.
func (r *Renderer) RenderDocument(title string, body template.HTML) ([]byte, error) {
	return r.execute("document", struct {
		frame
		Body template.HTML
	}{frame{Title: title}, body})
}

func (r *Renderer) execute(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := r.templates.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	return b.Bytes(), nil
}
