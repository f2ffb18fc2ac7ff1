package repotest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/overview/mirror"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// documents returns the names of the project's texts.
func documents(t *testing.T) []string {
	t.Helper()
	names, err := fs.Glob(os.DirFS(Root), "docs/*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	return append(names, "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
}

// The bytes of docs/database.md are held by a test of store; here is the rest.
func TestDocumentedMirror(t *testing.T) {
	text := Read(t, "docs/database.md")
	_, line, _ := strings.Cut(text, "\n```json\n")
	line, _, _ = strings.Cut(line, "\n")
	if _, _, _, err := mirror.DecodeLine([]byte(line)); err != nil {
		t.Errorf("the line of a day: %v", err)
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[rollup.Snapshot]()) {
		field, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !strings.Contains(text, "`"+field+"`") {
			t.Errorf("the field %s of a snapshot is not in docs/database.md", field)
		}
	}
}

// TestDocumentedBriefly holds that the README is read to its end, and that what is
// decided can be taken in at once. Tables are looked up, so they may be longer.
func TestDocumentedBriefly(t *testing.T) {
	if n := strings.Count(Read(t, "README.md"), "\n"); n >= 200 {
		t.Errorf("README.md has %d lines", n)
	}
	_, decisions, _ := strings.Cut(Read(t, "docs/decisions.md"), "\n### ")
	entries := strings.Split(decisions, "\n### ")
	for _, entry := range entries {
		lines := -1 // without the heading
		for line := range strings.Lines(entry) {
			if line = strings.TrimSpace(line); line != "" && line[0] != '|' && line[0] != '#' {
				lines++
			}
		}
		if title, _, _ := strings.Cut(entry, "\n"); lines >= 15 {
			t.Errorf("docs/decisions.md: %q has %d lines", title, lines)
		}
	}
	if len(entries) < 20 {
		t.Errorf("only %d decisions were found", len(entries))
	}
}

// A test that is named is there, or the beginning of its name is, as for go test -run.
func TestDocumentedTestsExist(t *testing.T) {
	tests, found := testNames(t), 0
	for _, name := range documents(t) {
		for _, named := range testName.FindAllString(Read(t, name), -1) {
			found++
			if !slices.ContainsFunc(tests, func(test string) bool { return strings.HasPrefix(test, named) }) {
				t.Errorf("%s: there is no test %s", name, named)
			}
		}
	}
	if found == 0 {
		t.Error("no test is mentioned")
	}
}

func TestDocumentedTargetsExist(t *testing.T) {
	makefile := Read(t, "Makefile")
	mentioned := regexp.MustCompile("(?m)(?:`|^)make ([a-z]+)")
	found := 0
	for _, name := range documents(t) {
		for _, m := range mentioned.FindAllStringSubmatch(Read(t, name), -1) {
			found++
			if !strings.Contains(makefile, "\n"+m[1]+":") {
				t.Errorf("%s: there is no target %q", name, m[1])
			}
		}
	}
	if found == 0 {
		t.Error("no target is mentioned")
	}
}

var (
	// code spans that look like a path: words with a slash between.
	codePath = regexp.MustCompile("`((?:\\.{1,2}/|/)?[\\w.-]+(?:/[\\w.-]+)*/?)`")
	// what a path that begins with a slash may be: of an URL, or of the image.
	urlOrImage = regexp.MustCompile(`^/(data|healthz|readyz|metrics|backfill|backup|anomalies|debug/pprof|api/adoption|api/overview|api/preview|api/retention|api/v1|privacy|counting|insert/0|select/0|prometheus|report-usage-stats/push|ce/usage-statistics|v1/report)(/|$)`)
)

// TestDocumentedPathsExist holds that paths stay in the repository and lead
// somewhere.
func TestDocumentedPathsExist(t *testing.T) {
	for _, name := range documents(t) {
		text := Read(t, name)
		for _, m := range codePath.FindAllStringSubmatch(text, -1) {
			switch p := m[1]; {
			case strings.HasPrefix(p, "/"):
				if !urlOrImage.MatchString(p) {
					t.Errorf("%s: %q is not of this project", name, p)
				}
			case strings.HasPrefix(p, "."), inFolder(p):
				checkInside(t, name, path.Clean(p))
			}
		}
	}
}

// inFolder tells whether a text begins with one of the repository's folders. What
// is in bin was built, or was not.
func inFolder(p string) bool {
	first, _, found := strings.Cut(p, "/")
	if first == "bin" {
		return false
	}
	info, err := os.Stat(filepath.Join(Root, first))
	return found && err == nil && info.IsDir()
}

func checkInside(t *testing.T, document, p string) {
	t.Helper()
	if !filepath.IsLocal(p) {
		t.Errorf("%s: %q is outside of the repository", document, p)
	} else if _, err := os.Stat(filepath.Join(Root, p)); err != nil {
		t.Errorf("%s: %v", document, err)
	}
}

// The table of metrics and labels in docs/privacy.md is what the clients' reports have: no
// more, and no less.
func TestDocumentedReports(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(Root, "testdata", "*.prom"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no reports: %v", err)
	}
	sent := make(map[string][]string)
	for _, file := range files {
		samples, dropped, err := ingest.NewParser(ingest.Limits{}, 1).Parse(nil, []byte(Read(t, "testdata/"+filepath.Base(file))))
		if err != nil || dropped > 0 {
			t.Fatalf("%s: %d dropped, %v", file, dropped, err)
		}
		for _, s := range samples {
			metric := s.Series.Metric()
			sent[metric] = append(sent[metric], "")
			for _, l := range s.Series.Labels() {
				sent[metric] = append(sent[metric], l.Name)
			}
		}
	}
	row := regexp.MustCompile("(?m)^\\| `(cozy_[a-z_]+)` \\|([^|]*)\\|")
	quoted := regexp.MustCompile("`([a-z_]+)`")
	documented := make(map[string][]string)
	for _, m := range row.FindAllStringSubmatch(Read(t, "docs/privacy.md"), -1) {
		documented[m[1]] = []string{""}
		for _, label := range quoted.FindAllStringSubmatch(m[2], -1) {
			documented[m[1]] = append(documented[m[1]], label[1])
		}
	}
	for _, all := range []map[string][]string{sent, documented} {
		for metric, labels := range all {
			slices.Sort(labels)
			all[metric] = slices.Compact(labels)
		}
	}
	if !reflect.DeepEqual(sent, documented) {
		t.Errorf("docs/privacy.md has\n%v\nthe reports have\n%v", documented, sent)
	}
}
