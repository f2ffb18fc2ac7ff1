package repotest

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDocumentedLinks holds that what is linked within the project is there, and
// that it has the heading that the link names.
func TestDocumentedLinks(t *testing.T) {
	pages := readPages(t)
	for _, problem := range brokenLinks(pages) {
		t.Error(problem)
	}
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "docs/reference.md", "deploy/helm/cozy-telemetry-server/README.md"} {
		if pages[name] == "" {
			t.Errorf("%s was not looked at", name)
		}
	}
}

// The check finds what it is for.
func TestBrokenLinksAreFound(t *testing.T) {
	pages := map[string]string{
		"README.md": "# A title\n[a](docs/a.md) [b](docs/none.md) [c](docs/a.md#none) [d](docs/a.md#its-the-same-1) [e](../x.md)\n" +
			"[f](https://example.org/none.md#none) [g](#a-title) [h](#none) `[i](none.md)`\n```text\n[j](none.md)\n```\n",
		"docs/a.md": "# It's the `same`\n## It's the same\n[k](../README.md#a-title) [l](../docs/)\n```sh\n# no heading\n```\n[m](#no-heading)\n",
		"docs":      "",
	}
	want := []string{
		"README.md: docs/none.md leads nowhere", "README.md: docs/a.md#none leads nowhere", "README.md: ../x.md leads nowhere",
		"README.md: #none leads nowhere", "docs/a.md: #no-heading leads nowhere",
	}
	if got := brokenLinks(pages); !slices.Equal(got, want) {
		t.Errorf("found\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// readPages returns the project's pages by their names, with what is linked beside
// them: the text of a page, no text of other files and of folders.
func readPages(t *testing.T) map[string]string {
	t.Helper()
	pages := make(map[string]string)
	err := fs.WalkDir(os.DirFS(Root), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name == ".git" || name == "bin" || name == "data" {
			return fs.SkipDir
		}
		pages[name] = ""
		if path.Ext(name) == ".md" {
			pages[name] = Read(t, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

var (
	fence    = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	codeSpan = regexp.MustCompile("`[^`\n]*`")
	pageLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6} +(.*?) *$`)
	// what GitHub leaves out of a heading's anchor.
	unanchored = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// brokenLinks returns the links of the pages, by their order, that lead to no page,
// or to no heading of it. Code has no links.
func brokenLinks(pages map[string]string) (broken []string) {
	for _, name := range slices.Sorted(maps.Keys(pages)) {
		text := codeSpan.ReplaceAllString(fence.ReplaceAllString(pages[name], ""), "")
		for _, m := range pageLink.FindAllStringSubmatch(text, -1) {
			file, anchor, anchored := strings.Cut(m[1], "#")
			if strings.Contains(file, "://") {
				continue
			}
			target := name
			if file != "" {
				target = path.Join(path.Dir(name), file)
			}
			page, found := pages[target]
			if !found || anchored && !anchors(page)[anchor] {
				broken = append(broken, name+": "+m[1]+" leads nowhere")
			}
		}
	}
	return broken
}

// anchors returns what the headings of a page are called in links, as GitHub does:
// the second of a name has a number.
func anchors(page string) map[string]bool {
	all, seen := make(map[string]bool), make(map[string]int)
	for _, m := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		anchor := strings.ReplaceAll(unanchored.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		if n := seen[anchor]; n > 0 {
			all[anchor+"-"+string(rune('0'+n))] = true
		}
		all[anchor] = true
		seen[anchor]++
	}
	return all
}
