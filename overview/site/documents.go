package site

import (
	"bytes"
	"fmt"
	"net/url"
	"path"
	"slices"
	"sync"

	"github.com/cozystack/cozystack-telemetry-server/overview/httpanswer"
	"github.com/cozystack/cozystack-telemetry-server/overview/prose"
	"github.com/cozystack/cozystack-telemetry-server/overview/web"
)

// source is where the pages lead that the server does not show.
const source = "https://github.com/cozystack/cozystack-telemetry-server/blob/main/docs/"

// DocumentsConfig has the texts of the documents, in Markdown. Privacy and Counting are required.
type DocumentsConfig struct {
	// Privacy and Counting are those of the project. Their links may be relative to its
	// folder of pages.
	Privacy, Counting []byte
	// Facts stand below Privacy: what this server keeps, and for how long.
	Facts []byte
	// Notes returns what stands below Counting, as it is now: the operator's log of
	// corrections. Nil, and an empty text: there is none. It is called for each request,
	// possibly concurrently, and what it has returned does not change.
	Notes func() []byte
}

// Documents are the pages of prose. Their methods may be called concurrently.
type Documents struct {
	web     *web.Renderer
	cfg     DocumentsConfig
	privacy *httpanswer.Answer

	mu       sync.Mutex
	notes    []byte // those that counting has
	counting *httpanswer.Answer
}

// Documents returns the documents, as pages like the others. It fails only where a text can't be
// made a page.
func (s *Site) Documents(cfg DocumentsConfig) (*Documents, error) {
	if cfg.Notes == nil {
		cfg.Notes = func() []byte { return nil }
	}
	d := &Documents{web: s.web, cfg: cfg}
	var err error
	if d.privacy, err = d.render("Privacy", cfg.Privacy, cfg.Facts); err != nil {
		return nil, err
	}
	d.counting, err = d.renderCounting(nil)
	return d, err
}

// render makes a page of a text of the project, and of what stands below it.
func (d *Documents) render(title string, text, below []byte) (*httpanswer.Answer, error) {
	body, err := prose.HTML(slices.Concat(text, []byte("\n\n"), below), leadsTo)
	if err != nil {
		return nil, err
	}
	page, err := d.web.RenderDocument(title, body)
	if err != nil {
		return nil, fmt.Errorf("site: %s: %w", title, err)
	}
	return httpanswer.New(httpanswer.HTML, page, false), nil
}

func (d *Documents) renderCounting(notes []byte) (*httpanswer.Answer, error) {
	if len(bytes.TrimSpace(notes)) > 0 {
		notes = slices.Concat([]byte("## Log of corrections\n\n"), notes)
	}
	return d.render("How this is counted", d.cfg.Counting, notes)
}

// countingNow returns the page with the notes as they are now.
func (d *Documents) countingNow() (*httpanswer.Answer, error) {
	notes := d.cfg.Notes()
	d.mu.Lock()
	defer d.mu.Unlock()
	if !bytes.Equal(notes, d.notes) {
		page, err := d.renderCounting(notes)
		if err != nil {
			return nil, err
		}
		d.notes, d.counting = notes, page
	}
	return d.counting, nil
}

// leadsTo returns where a link of a document leads: one that is relative, to that page of
// the project, here if the server shows it.
func leadsTo(target string) string {
	to, err := url.Parse(target)
	if err != nil || to.IsAbs() || to.Host != "" || to.Path == "" || to.Path[0] == '/' {
		return target
	}
	switch path.Clean(to.Path) {
	case "privacy.md":
		to.Path = "/privacy"
	case "counting.md":
		to.Path = "/counting"
	default:
		base, err := url.Parse(source)
		if err != nil {
			return "" // can't be
		}
		to = base.ResolveReference(to)
	}
	return to.String()
}
