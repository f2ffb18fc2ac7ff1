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
