// Package products lists the products beside Cozystack that the program knows: a new one
// is a line here.
package products

import (
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
)

// All returns the tables of all products, in the order in which they are named.
func All() []product.Product {
	return []product.Product{
		synapse.Product(),
		coroot.Product(),
		kubeatlas.Product(),
	}
}
