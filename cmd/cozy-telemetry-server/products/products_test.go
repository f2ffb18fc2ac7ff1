package products

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// TestProducts holds the tables to each other: they have different names and routes, and
// none is Cozystack's.
func TestProducts(t *testing.T) {
	taken := map[string]bool{rollup.Cozystack: true, "/": true}
	for _, p := range All() {
		if _, err := product.NewDecoder(p, true); err != nil {
			t.Error(err)
		}
		if taken[p.Name] {
			t.Errorf("there are two of %s", p.Name)
		}
		taken[p.Name] = true
		for _, route := range p.Routes {
			if taken[route.Path] || !strings.HasPrefix(route.Path, "/") || strings.HasSuffix(route.Path, "/") || len(route.Methods) == 0 {
				t.Errorf("%s: the route %s can't be", p.Name, route.Path)
			}
			taken[route.Path] = true
		}
	}
}

// TestDocumentedProducts holds docs/products.md to the tables: what is kept of which
// field, and what a month shows.
func TestDocumentedProducts(t *testing.T) {
	for _, p := range All() {
		section := section(t, p.Name)
		for _, want := range []struct {
			head string
			rows [][]string
		}{
			{"| Field | Metric | Kind | Values |", fieldRows(p)},
			{"| Figure | In | Of | Shown as |", figureRows(p)},
		} {
			got := table(t, section, want.head)
			for i := range got {
				got[i] = got[i][:min(len(got[i]), len(want.rows[0]))]
			}
			if !slices.EqualFunc(got, want.rows, slices.Equal) {
				var lines []string
				for _, row := range want.rows {
					lines = append(lines, "| "+strings.Join(row, " | ")+" |")
				}
				t.Errorf("docs/products.md: %s: %s must have:\n%s", p.Name, want.head, strings.Join(lines, "\n"))
			}
		}
		for _, route := range p.Routes {
			if !strings.Contains(section, route.Path) {
				t.Errorf("docs/products.md: %s: the route %s is not there", p.Name, route.Path)
			}
		}
	}
}

// TestDocumentedDrops holds that each field of a product's full reports is either kept or
// said to be dropped, and none both.
func TestDocumentedDrops(t *testing.T) {
	full := map[string][]string{
		"synapse":   {"synapse", "dendrite", "synapse-old", "synapse-1.129.0rc1"},
		"coroot":    {"coroot", "coroot-0.20"},
		"kubeatlas": {"kubeatlas"},
	}
	for _, p := range All() {
		var dropped []string
		for _, row := range table(t, section(t, p.Name), "| Dropped | Why |") {
			for _, path := range strings.Split(row[0], ", ") {
				dropped = append(dropped, path)
				if kept(p, path) {
					t.Errorf("%s: %s is said to be dropped", p.Name, path)
				}
			}
		}
		for _, name := range full[p.Name] {
			body, err := os.ReadFile(filepath.Join(repotest.Root, "product", p.Name, "testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var report any
			if err := json.Unmarshal(body, &report); err != nil {
				t.Fatal(err)
			}
			for _, path := range paths(report, "") {
				drop := slices.ContainsFunc(dropped, func(d string) bool { return matches(d, path) || strings.HasPrefix(path, d+".") })
				if drop == kept(p, path) {
					t.Errorf("%s of %s: dropped %t, kept %t", path, name, drop, !drop)
				}
			}
		}
	}
}

// TestDocumentedExample holds the table in CONTRIBUTING.md to the one that is compiled and
// run.
func TestDocumentedExample(t *testing.T) {
	_, code, _ := strings.Cut(repotest.Read(t, "CONTRIBUTING.md"), "```go\n")
	code, _, found := strings.Cut(code, "```")
	if !found || !strings.Contains(repotest.Read(t, "product/example_test.go"), code) {
		t.Error("the example in CONTRIBUTING.md is not that of product/example_test.go")
	}
}

// section returns what docs/products.md says of a product.
func section(t *testing.T, name string) string {
	t.Helper()
	_, text, found := strings.Cut(repotest.Read(t, "docs/products.md"), "\n## "+name+"\n")
	if !found {
		t.Fatalf("docs/products.md has nothing of %s", name)
	}
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// table returns the rows of a table, without the quotes of code.
func table(t *testing.T, text, head string) (rows [][]string) {
	t.Helper()
	_, text, found := strings.Cut(text, "\n"+head+"\n")
	if !found {
		t.Fatalf("docs/products.md has no table %q", head)
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "`", "")
		}
		rows = append(rows, cells)
	}
	return rows[1:] // behind the line of dashes
}

func fieldRows(p product.Product) (rows [][]string) {
	for _, f := range p.Fields {
		path, metric, kind := f.Path, "", f.Kind.String()
		if f.Header != "" {
			path = "header " + f.Header
		}
		if f.Metric != "" {
			metric = p.Name + "_" + f.Metric
		}
		if f.Label != "" {
			metric += "{" + f.Label + "}"
		}
		if f.Raw {
			kind += ", only with names"
		}
		rows = append(rows, []string{path, metric, kind})
	}
	return rows
}

func figureRows(p product.Product) (rows [][]string) {
	for _, f := range p.Figures {
		in, of := "metrics", p.Name+"_"+f.Of
		if f.As.Shared() {
			in = "shares"
		}
		if f.Beside != "" {
			of += " and " + p.Name + "_" + f.Beside
		}
		if labels := append(f.Labels, f.By); strings.Join(labels, "") != "" {
			of += " by " + strings.TrimSuffix(strings.Join(labels, ", "), ", ")
		}
		rows = append(rows, []string{f.Name, in, of, f.As.String()})
	}
	return rows
}

// kept tells whether a field of the table has the path, or is below it.
func kept(p product.Product, path string) bool {
	return slices.ContainsFunc(p.Fields, func(f product.Field) bool {
		return f.Path != "" && (matches(f.Path, path) || strings.HasPrefix(f.Path, path+"."))
	})
}

// matches tells whether a path is one that a field's path, with its asterisk, stands for.
func matches(field, path string) bool {
	before, after, star := strings.Cut(field, "*")
	return field == path || star && len(path) >= len(before)+len(after) && strings.HasPrefix(path, before) && strings.HasSuffix(path, after)
}

// paths returns those of all values of a report that are no objects.
func paths(report any, path string) (all []string) {
	object, ok := report.(map[string]any)
	if !ok {
		return []string{path}
	}
	for key, v := range object {
		all = append(all, paths(v, strings.TrimPrefix(path+"."+key, "."))...)
	}
	return all
}
