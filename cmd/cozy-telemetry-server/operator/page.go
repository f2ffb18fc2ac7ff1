package operator

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"time"
)

// Page is what the page shows, from top to bottom.
type Page struct {
	// Version is the program's, At the time of the page.
	Version string
	At      time.Time
	// Links lead to what else there is to look at.
	Links    []Link
	Sections []Section
	Warnings []Warning
	Flags    []Flag
}

// Link leads somewhere.
type Link struct{ Path, Text string }

// Section is a group of rows.
type Section struct {
	Title string
	Rows  []Row
}

// Row is a fact.
type Row struct {
	Name, Value string
	// Bad is set where somebody has to look after it.
	Bad bool
}

// Flag is a flag in effect. Value has no credentials; Changed tells that it is not the default.
type Flag struct {
	Name, Value string
	Changed     bool
}

//go:embed templates
var files embed.FS

// Renderer makes the page. Any number may use one at once.
type Renderer struct {
	templates *template.Template
	style     []byte
}

// NewRenderer reads the embedded template and style. It fails only where these are wrong.
func NewRenderer() (*Renderer, error) {
	templates, err := template.ParseFS(files, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("operator: %w", err)
	}
	style, err := files.ReadFile("templates/style.css")
	if err != nil {
		return nil, fmt.Errorf("operator: %w", err)
	}
	return &Renderer{templates, style}, nil
}

// Render returns the page as HTML.
func (r *Renderer) Render(p Page) ([]byte, error) {
	var b bytes.Buffer
	if err := r.templates.ExecuteTemplate(&b, "page.html", p); err != nil {
		return nil, fmt.Errorf("operator: %w", err)
	}
	return b.Bytes(), nil
}
