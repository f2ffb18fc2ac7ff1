package serve

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/spf13/pflag"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/cli"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/keys"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/ingest"
	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// productFlags say of the products beside Cozystack what differs from one to the other.
type productFlags struct {
	forwardURLs map[string]*optionalURL
	// keepNames has the products that have raw names.
	keepNames map[string]*bool
}

// optionalURL is the value of a flag that may be given as empty, or not at all.
type optionalURL struct {
	text  string
	given bool
}

func (u *optionalURL) String() string { return u.text }
func (u *optionalURL) Type() string   { return "string" }

func (u *optionalURL) Set(text string) error {
	u.text, u.given = text, true
	return nil
}

// Bind declares the flags of each product.
func (p *productFlags) Bind(f *pflag.FlagSet) {
	p.forwardURLs, p.keepNames = make(map[string]*optionalURL), make(map[string]*bool)
	for _, table := range products.All() {
		url := &optionalURL{}
		p.forwardURLs[table.Name] = url
		f.Var(url, forwardFlag(table.Name), "where samples of "+table.Name+" are forwarded; empty: nowhere; if it is not given, as --forward-url")
		if slices.ContainsFunc(table.Fields, func(f product.Field) bool { return f.Raw }) {
			p.keepNames[table.Name] = f.Bool(table.Name+"-keep-names", false, "keep the names of "+table.Name+"'s instances as they are, for a fleet of one's own")
		}
	}
}

func forwardFlag(product string) string { return "forward-url-" + product }

func (p productFlags) check() (err error) {
	for _, table := range products.All() {
		err = errors.Join(err, cli.CheckURL(forwardFlag(table.Name), p.forwardURLs[table.Name].text))
	}
	return err
}

// forwardURLOf returns where samples of a product go; empty: nowhere.
func (c Config) forwardURLOf(product string) string {
	if url := c.byProduct.forwardURLs[product]; url != nil && url.given {
		return url.text
	}
	return c.forwardURL
}

// buildProducts builds a handler for each product that is on beside Cozystack.
func (s *server) buildProducts(env cli.Environment) (err error) {
	on := s.cfg.products.On()
	var instance []byte
	if slices.ContainsFunc(on, func(p product.Product) bool { return !p.Sessions }) {
		if instance, err = s.store.IdentityKey(context.Background()); err != nil {
			return err
		}
	}
	// The key of a day is destroyed also where its product is off now.
	if s.keys, err = keys.Open(keys.PathFor(s.cfg.dbPath), instance, env.Now); err != nil {
		return fmt.Errorf("%w; remove the file", err)
	}
	s.routes = reportRoutes()
	s.handlers = make(map[string]*ingest.Handler)
	if s.cfg.products.Has(rollup.Cozystack) {
		s.handlers[rollup.Cozystack] = s.ingest
	}
	for _, table := range on {
		p := ingest.Product{Table: table, Keys: s.keys}
		if keep := s.cfg.byProduct.keepNames[table.Name]; keep != nil {
			p.KeepNames = *keep
		}
		if s.cfg.forwardURLOf(table.Name) != "" && !table.Sessions {
			p.Lines = forward.AppendInstanceLines
		}
		if s.handlers[table.Name], err = s.ingest.Of(p); err != nil {
			return err
		}
	}
	return nil
}

// route is where a product's clients report.
type route struct {
	product string
	methods []string
}

// of is whose report a request of a method is; "" if it is none.
func (r route) of(method string) string {
	if slices.Contains(r.methods, method) {
		return r.product
	}
	return ""
}

// reportRoutes returns the routes of all products by their paths, with a slash behind and
// without: the clients follow no redirect.
func reportRoutes() map[string]route {
	routes := map[string]route{"/": {rollup.Cozystack, []string{http.MethodPost}}}
	for _, table := range products.All() {
		for _, r := range table.Routes {
			routes[r.Path] = route{table.Name, r.Methods}
			routes[r.Path+"/"] = routes[r.Path]
		}
	}
	return routes
}

// forwarders returns one for each product that is on and has a receiver.
func (s *server) forwarders() map[string]*forward.Forwarder {
	all := make(map[string]*forward.Forwarder)
	for _, product := range products.Names() {
		url := s.cfg.forwardURLOf(product)
		if url == "" || !s.cfg.products.Has(product) {
			continue
		}
		config := forward.Config{OnForward: func(a forward.Attempt) { s.onForward(product, a) }}
		if s.cfg.byProduct.forwardURLs[product] != nil && s.cfg.byProduct.forwardURLs[product].given {
			config.Flag = "--" + forwardFlag(product)
		}
		all[product] = forward.New(s.store.QueueOf(product), url, config)
	}
	return all
}
