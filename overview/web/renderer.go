package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
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
	var all []Asset
	for _, a := range r.assets {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Asset) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// frame is what all pages have around what is theirs.
type frame struct {
	// Title is that of the window, Description what a search engine shows.
	Title, Description string
	// Here is the path of the page, for the link to it.
	Here string
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
