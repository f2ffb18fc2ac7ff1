package serve

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/labstack/echo/v4"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/repotest"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// described is the description that a server has of itself, and what of it was exercised.
type described struct {
	*testing.T
	doc *openapi3.T
	// worlds are servers in some state, by name.
	worlds map[string]*httptest.Server
	// seen are the answers that were validated: "GET /api/history 200".
	seen map[string]bool
}

// TestOpenAPI holds the description to the handlers: every address of the one is one of the
// other, every status that is described was answered by a real server, as described, and no
// answer was another.
func TestOpenAPI(t *testing.T) {
	d := &described{T: t, worlds: map[string]*httptest.Server{}, seen: map[string]bool{}}
	full := d.world("full", allProducts, "--min-share=1", "--confirm-days=1")
	for i := range 6 {
		for _, at := range []time.Time{noon, noon.AddDate(0, 0, -20)} {
			record(t, full, at, fmt.Sprintf("c%d", i))
		}
	}
	d.world("empty")
	d.world("limited", allProducts, "--id-burst=1", "--id-every=24h", "--max-body-bytes=20000")
	closed := d.world("closed", allProducts)
	if err := closed.store.Close(); err != nil {
		t.Fatal(err)
	}
	d.load()
	d.sameRoutes(full.public().(*echo.Echo))
	asset := call{world: "full", method: http.MethodGet, path: "/assets/{file}", name: d.anAsset(), status: http.StatusOK}
	for _, c := range slices.Concat(dataCalls(), pageCalls(), reportCalls(t), []call{asset}) {
		d.call(c)
	}
	var missed []string
	for path, item := range d.doc.Paths.Map() {
		for method, op := range item.Operations() {
			for status := range op.Responses.Map() {
				if name := method + " " + path + " " + status; !d.seen[name] {
					missed = append(missed, name)
				}
			}
		}
	}
	slices.Sort(missed)
	if len(missed) > 0 {
		t.Errorf("described, but never answered: %q", missed)
	}
}

// world starts a server in a state.
func (d *described) world(name string, flags ...string) *server {
	d.Helper()
	s := newServerAt(d.T, filepath.Join(d.TempDir(), "telemetry.db"), func() time.Time { return noon }, flags...)
	d.worlds[name] = httptest.NewServer(s.public())
	d.Cleanup(func() {
		d.worlds[name].Close()
		_ = s.close() // that of a closed file is not clean
	})
	return s
}

func record(t *testing.T, s *server, at time.Time, cluster string) {
	t.Helper()
	err := s.store.Record(t.Context(), rollup.Report{
		Product: rollup.Cozystack, Instance: cluster, Received: at,
		Samples: []rollup.Sample{
			{Series: `cozy_application_count{kind="Postgres"}`, Value: 2},
			{Series: `cozy_cluster_info{cozystack_version="v1.2.0",kubernetes_version="v1.31.4"}`, Value: 1},
			{Series: `cozy_nodes_count{kernel="6.12.1-talos",os="Talos (v1.9)"}`, Value: 3},
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// load reads the description as any client does.
func (d *described) load() {
	d.Helper()
	resp, err := http.Get(d.worlds["full"].URL + "/openapi.yaml")
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		d.Fatal(err)
	}
	if d.doc, err = openapi3.NewLoader().LoadFromData(text); err == nil {
		err = d.doc.Validate(context.Background(), openapi3.IsOpenAPI31OrLater())
	}
	if err != nil {
		d.Fatalf("the description: %v", err)
	}
}

// sameRoutes compares the addresses: those of the server with a parameter are written with
// braces in the description.
func (d *described) sameRoutes(e *echo.Echo) {
	d.Helper()
	served := map[string]bool{}
	parameter := regexp.MustCompile(`:(\w+)`)
	for _, r := range e.Routes() {
		path := parameter.ReplaceAllString(r.Path, "{$1}")
		served[strings.Replace(path, "/assets/*", "/assets/{file}", 1)] = true
	}
	got, want := slices.Sorted(maps.Keys(served)), slices.Sorted(maps.Keys(d.doc.Paths.Map()))
	if !slices.Equal(got, want) {
		d.Errorf("served    %q\ndescribed %q", got, want)
	}
}

// anAsset returns the name of a file that the page asks for.
func (d *described) anAsset() string {
	d.Helper()
	req, err := http.NewRequestWithContext(d.Context(), http.MethodGet, d.worlds["full"].URL, nil)
	if err != nil {
		d.Fatal(err)
	}
	_, text := do(d.T, req)
	found := regexp.MustCompile(`"/assets/([^"]+)"`).FindStringSubmatch(text)
	if found == nil {
		d.Fatalf("the page asks for no file: %s", text)
	}
	return found[1]
}

// call is a request to a world, and the status of its answer.
type call struct {
	world, method string
	// path is as described; query, or what stands for its parameter, is of this call.
	path, query, name string
	body              string
	header            http.Header
	status            int
}

// call makes a request and validates its answer; again with its ETag, if it has one.
func (d *described) call(c call) {
	d.Helper()
	etag := d.answer(c)
	if etag != "" && c.status == http.StatusOK {
		c.header, c.status = http.Header{"If-None-Match": {etag}}, http.StatusNotModified
		d.answer(c)
	}
}

func (d *described) answer(c call) (etag string) {
	d.Helper()
	item := d.doc.Paths.Value(c.path)
	if item == nil || item.GetOperation(c.method) == nil {
		d.Errorf("%s %s is not described", c.method, c.path)
		return ""
	}
	target, parameters := c.path, map[string]string{}
	if before, after, ok := strings.Cut(c.path, "{"); ok {
		target = before + c.name
		parameters[strings.TrimSuffix(after, "}")] = c.name
	}
	if c.query != "" {
		target += "?" + c.query
	}
	req, err := http.NewRequestWithContext(d.Context(), c.method, d.worlds[c.world].URL+target, strings.NewReader(c.body))
	if err != nil {
		d.Fatal(err)
	}
	maps.Copy(req.Header, c.header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		d.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if c.status == usesUp {
		return ""
	}
	if err != nil || resp.StatusCode != c.status {
		d.Errorf("%s %s of %s: %d, not %d: %.300s %v", c.method, target, c.world, resp.StatusCode, c.status, body, err)
		return ""
	}
	route := &routers.Route{Spec: d.doc, Path: c.path, PathItem: item, Method: c.method, Operation: item.GetOperation(c.method)}
	err = openapi3filter.ValidateResponse(d.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: req, PathParams: parameters, Route: route},
		Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true},
	})
	if err != nil {
		d.Errorf("%s %s of %s: %v", c.method, target, c.world, err)
	}
	d.seen[fmt.Sprintf("%s %s %d", c.method, c.path, resp.StatusCode)] = true
	return resp.Header.Get("ETag")
}

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
