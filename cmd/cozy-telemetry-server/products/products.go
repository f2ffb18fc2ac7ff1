// Package products lists the products beside Cozystack that the program knows: a new one
// is a line here. It also says which of them a server takes.
package products

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// All returns the tables of all products, in the order in which they are named.
func All() []product.Product {
	return []product.Product{
		synapse.Product(),
		coroot.Product(),
		kubeatlas.Product(),
	}
}

// Names returns the names of all products, Cozystack's first.
func Names() []string {
	names := []string{rollup.Cozystack}
	for _, p := range All() {
		names = append(names, p.Name)
	}
	return names
}

// Sessions returns the tables of the products whose instances are sessions.
func Sessions() []product.Product {
	return slices.DeleteFunc(All(), func(p product.Product) bool { return !p.Sessions })
}

// Unfolded names the products whose days are never closed, whether or not they are on:
// whoever opens a file to write tells the store.
func Unfolded() (names []string) {
	for _, p := range Sessions() {
		names = append(names, p.Name)
	}
	return names
}

// Flag says which products are on, by their names. The zero Flag is to be filled by Bind
// and a parse.
type Flag struct{ names []string }

// Bind declares --products.
func (p *Flag) Bind(f *pflag.FlagSet) {
	f.StringSliceVar(&p.names, "products", []string{rollup.Cozystack}, "whose reports are taken: "+strings.Join(Names(), ", "))
}

// Check returns an error for each name that is no product's.
func (p Flag) Check() error {
	if len(p.names) == 0 {
		return fmt.Errorf("--products: names none; there are %s", strings.Join(Names(), ", "))
	}
	var errs []error
	for _, name := range p.names {
		if !slices.Contains(Names(), name) {
			errs = append(errs, fmt.Errorf("--products: %q is none; there are %s", name, strings.Join(Names(), ", ")))
		}
	}
	return errors.Join(errs...)
}

// Names returns the names of those that are on, in the order of all.
func (p Flag) Names() []string {
	return slices.DeleteFunc(Names(), func(name string) bool { return !p.Has(name) })
}

// Has tells whether a product is on.
func (p Flag) Has(name string) bool { return slices.Contains(p.names, name) }

// Off returns the names of the products that are not on, but Cozystack's.
func (p Flag) Off() []string {
	return slices.DeleteFunc(Names(), func(name string) bool { return name == rollup.Cozystack || p.Has(name) })
}

// On returns the tables of the products that are on. Cozystack has none.
func (p Flag) On() []product.Product {
	return slices.DeleteFunc(All(), func(one product.Product) bool { return !p.Has(one.Name) })
}
