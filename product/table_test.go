package product_test

import (
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A mistake in a table is found when the program starts.
func TestTableMistakes(t *testing.T) {
	field := func(f product.Field) func(*product.Product) {
		return func(p *product.Product) { p.Fields = append(p.Fields, f) }
	}
	figure := func(f product.Figure) func(*product.Product) {
		return func(p *product.Product) { p.Figures = append(p.Figures, f) }
	}
	words := product.OneOf("a")
	for want, change := range map[string]func(*product.Product){
		"path or a header":        field(product.Field{Kind: product.Gauge, Metric: "x"}),
		"a header is a text":      field(product.Field{Header: "X", Kind: product.Gauge, Metric: "x"}),
		"two asterisks":           field(product.Field{Path: "x.*.*", Kind: product.Gauge, Metric: "x"}),
		"only numbers":            field(product.Field{Path: "x.*", Kind: product.Bool, Metric: "x"}),
		"name of a metric":        field(product.Field{Path: "x", Kind: product.Gauge, Metric: "X"}),
		"needs a label":           field(product.Field{Path: "x", Kind: product.Text, Metric: "x", Words: words}),
		"and only there":          field(product.Field{Path: "x", Kind: product.Gauge, Metric: "x", Label: "a"}),
		"needs words":             field(product.Field{Path: "x", Kind: product.Set, Metric: "x", Label: "a"}),
		"the same metric":         field(product.Field{Path: "x", Kind: product.Gauge, Metric: "total_users"}),
		"has fields below":        field(product.Field{Path: "total_users.x", Kind: product.Gauge, Metric: "x"}),
		"different types":         field(product.Field{Path: "total_users", Kind: product.Bool, Metric: "x"}),
		"whose a report is":       field(product.Field{Path: "x", Kind: product.Name}),
		"a function what it says": func(p *product.Product) { p.Identify = nil },
		"in one way":              figure(product.Figure{Name: "x", Of: "total_users", As: product.Sum | product.Newest}),
		"there is no metric":      figure(product.Figure{Name: "x", Of: "y", As: product.Sum}),
		"has no label":            figure(product.Figure{Name: "x", Of: "total_users", As: product.Sum, By: "y"}),
	} {
		p := synapse.Product()
		change(&p)
		if _, err := product.NewDecoder(p, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", want, err)
		}
	}
}

// FuzzTables holds the tables of all products to what the store takes: counts, and series
// that are there once and read as they were written.
func FuzzTables(f *testing.F) {
	var decoders []*product.Decoder
	for i, p := range products() {
		decoder, err := product.NewDecoder(p, true)
		if err != nil {
			f.Fatal(err)
		}
		decoders = append(decoders, decoder)
		for _, fixture := range fixtures(f, p) {
			f.Add(uint8(i), fixture.header["User-Agent"], fixture.body)
		}
	}
	f.Fuzz(func(t *testing.T, i uint8, agent string, body []byte) {
		report, err := decoders[int(i)%len(decoders)].Decode(nil, body, func(string) string { return agent })
		if err != nil {
			return
		}
		seen := make(map[rollup.Series]bool)
		for _, s := range report.Samples {
			if v, err := rollup.CheckValue(s.Value); err != nil || v != s.Value {
				t.Errorf("%s has %v: %v", s.Series, s.Value, err)
			}
			if again := rollup.NewSeries(s.Series.Metric(), s.Series.Labels()); again != s.Series || seen[s.Series] {
				t.Errorf("%q is %q when it is read, seen before: %t", s.Series, again, seen[s.Series])
			}
			seen[s.Series] = true
		}
	})
}
