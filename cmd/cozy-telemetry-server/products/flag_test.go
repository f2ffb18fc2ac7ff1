package products

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/product"
)

func TestProductsFlag(t *testing.T) {
	for flags, want := range map[string]struct {
		on  []string
		err string
	}{
		"":                                     {on: []string{"cozystack"}},
		"--products=synapse":                   {on: []string{"synapse"}},
		"--products=kubeatlas,cozystack":       {on: []string{"cozystack", "kubeatlas"}},
		"--products=coroot --products=synapse": {on: []string{"synapse", "coroot"}},
		"--products=":                          {err: "--products: names none; there are cozystack, synapse, coroot, kubeatlas"},
		"--products=cozystack,dendrite":        {err: `--products: "dendrite" is none; there are cozystack, synapse, coroot, kubeatlas`},
	} {
		var p Flag
		f := pflag.NewFlagSet("", pflag.ContinueOnError)
		p.Bind(f)
		if err := f.Parse(strings.Fields(flags)); err != nil {
			t.Fatal(err)
		}
		if err := p.Check(); want.err != "" || err != nil {
			if err == nil || err.Error() != want.err {
				t.Errorf("%q: %v", flags, err)
			}
			continue
		}
		if !slices.Equal(p.Names(), want.on) {
			t.Errorf("%q: %q are on", flags, p.Names())
		}
		tables := slices.DeleteFunc(slices.Clone(want.on), func(name string) bool { return name == "cozystack" })
		if !slices.EqualFunc(p.On(), tables, func(p product.Product, name string) bool { return p.Name == name }) {
			t.Errorf("%q: %d tables are on", flags, len(p.On()))
		}
	}
}
