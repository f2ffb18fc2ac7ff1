package web_test

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// elements returns those of a page that have one of the names, in the order of the page.
func elements(page *html.Node, names ...string) (found []*html.Node) {
	for n := range page.Descendants() {
		for _, name := range names {
			if n.Type == html.ElementNode && n.Data == name {
				found = append(found, n)
			}
		}
	}
	return found
}

func textOf(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return strings.TrimSpace(b.String())
}

func TestHeadingsAreInOrder(t *testing.T) {
	for name, page := range everyPage(t) {
		level := 0
		for i, h := range elements(page, "h1", "h2", "h3", "h4") {
			next := int(h.Data[1] - '0')
			if next > level+1 || (next == 1) != (i == 0) || textOf(h) == "" {
				t.Errorf("%s: after h%d comes %s %q", name, level, h.Data, textOf(h))
			}
			level = next
		}
		if level == 0 {
			t.Errorf("%s has no heading", name)
		}
	}
}

func TestPagesHaveLandmarks(t *testing.T) {
	for name, page := range everyPage(t) {
		if len(elements(page, "main")) != 1 || len(elements(elements(page, "head")[0], "title")) != 1 || attr(elements(page, "html")[0], "lang") != "en" {
			t.Errorf("%s lacks main, a title or its language", name)
		}
		if first := elements(page, "a")[0]; !strings.HasPrefix(name, "embed") && attr(first, "href") != "#main" {
			t.Errorf("%s: the first link is %q", name, attr(first, "href"))
		}
		labels := make(map[string]bool)
		for _, n := range elements(page, "nav") {
			if label := attr(n, "aria-label"); label == "" || labels[label] {
				t.Errorf("%s: a nav is called %q", name, label)
			} else {
				labels[label] = true
			}
		}
	}
}

func TestReferencesAreThere(t *testing.T) {
	for name, page := range everyPage(t) {
		ids := make(map[string]bool)
		for n := range page.Descendants() {
			if id := attr(n, "id"); id != "" {
				if ids[id] {
					t.Errorf("%s has %s twice", name, id)
				}
				ids[id] = true
			}
		}
		for n := range page.Descendants() {
			for id := range strings.FieldsSeq(attr(n, "aria-labelledby")) {
				if !ids[id] {
					t.Errorf("%s: nothing is %s", name, id)
				}
			}
		}
	}
}

// TestTablesCanBeReadAloud holds that each table says what it is of, and each of its cells
// what that is; a figure is there for programs too, and an unknown one is a word.
func TestTablesCanBeReadAloud(t *testing.T) {
	for name, page := range everyPage(t) {
		for _, table := range elements(page, "table") {
			caption := elements(table, "caption")
			if len(caption) != 1 || textOf(caption[0]) == "" {
				t.Fatalf("%s: a table without a caption", name)
			}
			heads := 0
			for _, th := range elements(table, "th") {
				if attr(th, "scope") == "" {
					t.Errorf("%s, %s: the head %s is of nothing", name, textOf(caption[0]), textOf(th))
				}
				if attr(th, "scope") == "col" {
					heads++
				}
			}
			for _, tr := range elements(table, "tr")[1:] {
				cells := elements(tr, "td")
				if len(elements(tr, "th")) != 1 || len(cells)+1 != heads {
					t.Errorf("%s, %s: a row of %d cells below %d heads", name, textOf(caption[0]), len(cells), heads)
				}
				for _, td := range cells {
					if textOf(td) == "" || textOf(td) == "–" {
						t.Errorf("%s, %s: an empty cell", name, textOf(caption[0]))
					}
				}
			}
		}
	}
}

// TestChartsHaveTables holds that what a chart shows stands beside it as a table, and can be
// had as CSV where there is one.
func TestChartsHaveTables(t *testing.T) {
	charts := 0
	for name, page := range everyPage(t) {
		for _, figure := range elements(page, "figure") {
			for _, svg := range elements(figure, "svg") {
				if !strings.Contains(attr(svg, "class"), "chart") {
					continue // a part of one
				}
				charts++
				if attr(svg, "role") != "img" || attr(svg, "aria-labelledby") == "" {
					t.Errorf("%s: a chart without a name", name)
				}
				tables := elements(figure, "table")
				if len(tables) != 1 {
					t.Fatalf("%s, %s: %d tables", name, attr(figure, "id"), len(tables))
				}
				values := make(map[string]bool)
				for _, d := range elements(tables[0], "data") {
					values[attr(d, "value")] = true
				}
				for n := range svg.Descendants() {
					if v := attr(n, "data-value"); v != "" && !values[v] {
						t.Errorf("%s, %s: %s is in no cell", name, attr(figure, "id"), v)
					}
				}
			}
		}
	}
	if charts < 50 {
		t.Errorf("only %d charts were looked at", charts)
	}
}

func TestTimesAreTimes(t *testing.T) {
	for name, page := range everyPage(t) {
		for _, n := range elements(page, "time") {
			at := attr(n, "datetime")
			_, asMonth := time.Parse("2006-01", at)
			_, asDay := time.Parse(time.DateOnly, at)
			_, asInstant := time.Parse(time.RFC3339, at)
			if asMonth != nil && asDay != nil && asInstant != nil {
				t.Errorf("%s: %q is no time", name, at)
			}
		}
	}
}
