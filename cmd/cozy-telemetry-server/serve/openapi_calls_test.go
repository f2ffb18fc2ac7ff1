package serve

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
)

// gets are calls of an address that is read: an answer, what can't be asked, what nothing is
// known of, and what can't be answered.
func gets(path, name, good, bad string) []call {
	c := call{method: http.MethodGet, path: path, name: name, query: good, world: "full", status: http.StatusOK}
	all := []call{c}
	c.query, c.status = bad, http.StatusBadRequest
	all = append(all, c)
	c.query, c.world, c.status = good, "empty", http.StatusNotFound
	all = append(all, c)
	c.world, c.status = "closed", http.StatusServiceUnavailable
	return append(all, c)
}

func dataCalls() (all []call) {
	const month, of = "year=2028&month=2", "month=2028-02"
	for path, good := range map[string]string{
		"/api/overview": month, "/api/overview.csv": month, "/api/history": "", "/api/history.csv": "from=2027-06&to=2028-02",
		"/api/breakdown": month, "/api/breakdown.csv": month, "/api/adoption": "", "/api/retention": "",
		"/api/dataset": of, "/api/dataset.sha256": of + "&format=parquet",
		"/api/badge/clusters.json": "", "/api/badge/nodes.json": "", "/api/badge/tenants.json": "",
	} {
		all = append(all, gets(path, "", good, good+"&publish=all")...)
	}
	all = append(all, gets("/api/badge/app/{name}", "postgres.json", "", "publish=all")...)
	get := func(path, name, query string, status int) {
		all = append(all, call{world: "full", method: http.MethodGet, path: path, name: name, query: query, status: status})
	}
	get("/api/overview", "", month+"&aggregate=distinct&publish=confirmed", 200)
	get("/api/history", "", "from=2028-01&to=2027-01", 400)
	get("/api/history", "", "from=2030-01", 400)
	get("/api/history", "", "from=2020-01", 400)
	get("/api/history", "", "to=2028-13", 400)
	get("/api/breakdown", "", month+"&product=synapse", 404)
	get("/api/adoption", "", "product=synapse", 404)
	get("/api/dataset", "", of+"&format=xlsx", 400)
	get("/api/dataset", "", "", 400)
	get("/api/dataset", "", of+"&format=parquet", 200)
	get("/api/badge/app/{name}", "postgres", "", 404)
	get("/api/badge/app/{name}", "nothing.json", "", 404)
	get("/openapi.yaml", "", "", 200)
	get("/healthz", "", "", 200)
	get("/readyz", "", "", 200)
	return append(all, call{world: "closed", method: http.MethodGet, path: "/readyz", status: 503})
}

// pageCalls are of what people look at. An empty server has a page that tells what to send.
func pageCalls() (all []call) {
	for _, path := range []string{"/", "/embed"} {
		for query, status := range map[string]int{"month=2028-02": 200, "month=2028": 400, "month=2027-01": 404} {
			all = append(all, call{world: "full", method: http.MethodGet, path: path, query: query, status: status})
		}
		all = append(all, call{world: "empty", method: http.MethodGet, path: path, status: 200})
		all = append(all, call{world: "closed", method: http.MethodGet, path: path, status: 503})
	}
	for _, path := range []string{"/privacy", "/counting"} {
		all = append(all, call{world: "full", method: http.MethodGet, path: path, status: 200})
	}
	return append(all, call{world: "full", method: http.MethodGet, path: "/assets/{file}", name: "nothing.css", status: 404})
}

// reportCalls are of what is sent: taken, and refused in each way.
func reportCalls(t *testing.T) (all []call) {
	cozystack := repotest.Read(t, "testdata/operator-v1.prom")
	all = append(all, posts("/", http.MethodPost, "cluster", cozystack, "no report\n")...)
	for world, status := range map[string]int{"full": 200, "limited": usesUp} {
		all = append(all, call{world: world, method: http.MethodPost, path: "/api/preview", body: cozystack, status: status})
	}
	preview := func(query, body, encoding string, status int) {
		all = append(all, call{
			world: "full", method: http.MethodPost, path: "/api/preview", query: query, body: body, status: status,
			header: http.Header{"Content-Encoding": {encoding}},
		})
	}
	preview("", "no report\n", "", 400)
	preview("product=teapot", cozystack, "", 404)
	preview("", strings.Repeat("a", 2<<20), "", 413)
	preview("", cozystack, "br", 415)
	all = append(all, call{world: "limited", method: http.MethodPost, path: "/api/preview", body: cozystack, status: 429})
	for _, p := range products.All() {
		fixtures := fixturesOf(t, p)
		body := fixtures[slices.IndexFunc(fixtures, func(f fixture) bool { return f.refused == "" && !f.nameless })].body
		for _, route := range p.Routes {
			for _, method := range route.Methods {
				for _, path := range []string{route.Path, route.Path + "/"} {
					all = append(all, posts(path, method, "", body, "{")...)
					all = append(all, call{world: "empty", method: method, path: path, body: body, status: 404})
				}
			}
		}
	}
	return all
}

// posts are the calls of an address that takes reports. The limit of a cluster, and that of an
// instance, is one report.
func posts(path, method, cluster, good, bad string) (all []call) {
	add := func(world, body, encoding string, status int) {
		all = append(all, call{
			world: world, method: method, path: path, body: body, status: status,
			header: http.Header{"X-Cluster-Id": {cluster}, "Content-Encoding": {encoding}},
		})
	}
	add("full", good, "", 200)
	add("full", bad, "", 400)
	add("full", strings.Repeat("a", 2<<20), "", 413)
	add("full", good, "br", 415)
	add("closed", good, "", 503)
	add("limited", good, "", usesUp)
	add("limited", good, "", 429)
	return all
}

// usesUp is the status of a call that is only to use up a limit: it may be one too many, for
// the addresses of one product share it.
const usesUp = 0
