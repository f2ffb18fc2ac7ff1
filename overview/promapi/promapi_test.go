package promapi

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

const queryPath = "/api/v1/query"

const one = `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"kind":"Redis"},"value":[1,"3"]}]}}`

// serving returns a client of a server that answers by the path that was asked
// below; switches has the paths that it went over to.
func serving(t *testing.T, base string, answer func(path string, w http.ResponseWriter, r *http.Request)) (c *Client, switches *[]string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path, ok := strings.CutSuffix(r.URL.Path, queryPath)
		if !ok {
			t.Errorf("asked on %s", r.URL)
		}
		answer(path, w, r)
	}))
	t.Cleanup(s.Close)
	switches = new([]string)
	c, err := New(Config{URL: s.URL + base, Bytes: 1000, OnSwitch: func(path string) { *switches = append(*switches, path) }})
	if err != nil {
		t.Fatal(err)
	}
	return c, switches
}

func TestQuery(t *testing.T) {
	at := time.Date(2026, 3, 31, 23, 59, 59, 999e6, time.UTC)
	c, _ := serving(t, "/base/", func(path string, w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		want := url.Values{"query": {"x"}, "time": {"1775001599.999"}, "deny_partial_response": {"1"}, "nocache": {"1"}}
		if path != "/base" || r.Form.Encode() != want.Encode() {
			t.Errorf("asked on %s with %s", path, r.Form)
		}
		fmt.Fprint(w, one)
	})
	got, err := c.Query(t.Context(), "x", at)
	if err != nil || len(got) != 1 || got[0].Value != 3 || got[0].Metric["kind"] != "Redis" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestQueryRefuses(t *testing.T) {
	replaced := func(old, new string) string { return strings.Replace(one, old, new, 1) }
	for name, body := range map[string]string{
		"nothing":         "",
		"HTML":            "<html>",
		"cut off":         one[:60],
		"an error":        replaced("success", "error"),
		"no status":       replaced(`"status":"success",`, ""),
		"partial":         replaced("{", `{"isPartial":true,`),
		"a warning":       replaced("{", `{"warnings":["a store is down"],`),
		"a matrix":        replaced("vector", "matrix"),
		"a null series":   replaced(`{"metric":{"kind":"Redis"},"value":[1,"3"]}`, "null"),
		"no data":         `{"status":"success","data":null}`,
		"above a bound":   one + strings.Repeat(" ", 1000),
		"not a number":    replaced(`"3"`, `"x"`),
		"two of one kind": one + one,
	} {
		c, _ := serving(t, "/base", func(_ string, w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
		if got, err := c.Query(t.Context(), "x", time.Now()); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestLabelValues(t *testing.T) {
	body := `{"status":"success","data":["a","b"]}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		want := url.Values{"start": {"1772323200"}, "end": {"1775001599.999"}, "deny_partial_response": {"1"}, "nocache": {"1"}}
		if r.URL.Path != "/base/api/v1/label/cluster_id/values" || r.Form.Encode() != want.Encode() {
			t.Errorf("asked on %s with %s", r.URL.Path, r.Form)
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(s.Close)
	c, err := New(Config{URL: s.URL + "/base", Bytes: 1000})
	if err != nil {
		t.Fatal(err)
	}
	march := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	ask := func() ([]model.LabelValue, error) {
		return c.LabelValues(t.Context(), "cluster_id", march, march.AddDate(0, 1, 0).Add(-time.Millisecond))
	}
	if got, err := ask(); err != nil || !slices.Equal(got, []model.LabelValue{"a", "b"}) {
		t.Errorf("%v, %v", got, err)
	}
	body = strings.Replace(body, "{", `{"isPartial":true,`, 1)
	if got, err := ask(); err == nil {
		t.Errorf("a part is taken for all: %v", got)
	}
}

func TestStatus(t *testing.T) {
	for _, code := range []int{204, 301, 307, 400, 404, 422, 429, 503} {
		c, _ := serving(t, "/base", func(_ string, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.Header().Set("Location", "/base"+queryPath)
			w.WriteHeader(code)
		})
		_, err := c.Query(t.Context(), "x", time.Now())
		var status *StatusError
		if !errors.As(err, &status) || *status != (StatusError{code, 7 * time.Second}) {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// The other path is asked where one is not known, and stayed with once it has
// answered well.
func TestSwitch(t *testing.T) {
	known, body := ClusterPath, one
	var asked []string
	c, switches := serving(t, "", func(path string, w http.ResponseWriter, _ *http.Request) {
		asked = append(asked, path)
		if path != known {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		fmt.Fprint(w, body)
	})
	step := func(wantErr bool, want ...string) {
		t.Helper()
		asked = nil
		if _, err := c.Query(t.Context(), "x", time.Now()); (err != nil) != wantErr || !slices.Equal(asked, want) {
			t.Errorf("asked on %q: %v", asked, err)
		}
	}
	step(false, ClusterPath)
	known = "/elsewhere"
	step(true, ClusterPath, SingleNodePath)
	known, body = SingleNodePath, "<html>"
	step(true, ClusterPath, SingleNodePath)
	step(true, ClusterPath, SingleNodePath)
	body = one
	step(false, ClusterPath, SingleNodePath)
	step(false, SingleNodePath)
	known = ClusterPath
	step(false, SingleNodePath, ClusterPath)
	step(false, ClusterPath)
	if want := []string{SingleNodePath, ClusterPath}; !slices.Equal(*switches, want) {
		t.Errorf("told of %q", *switches)
	}
}

// What a reader says of an answer on the other path is not lost.
func TestStreamOnTheOtherPath(t *testing.T) {
	c, _ := serving(t, "", func(path string, w http.ResponseWriter, _ *http.Request) {
		if path == ClusterPath {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprint(w, "line")
	})
	stop := errors.New("enough")
	err := c.Stream(t.Context(), queryPath, nil, func(r io.Reader) error {
		if text, err := io.ReadAll(r); string(text) != "line" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		return stop
	})
	if !errors.Is(err, stop) {
		t.Error(err)
	}
}
