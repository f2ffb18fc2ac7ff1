package product

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fuzzed is a product with a field of each kind.
func fuzzed() Product {
	words := func(text string) string { return text }
	return Product{
		Name: "p",
		Fields: []Field{
			{Path: "id", Kind: Name},
			{Path: "a.gauge", Kind: Gauge, Metric: "gauge", Max: 1000},
			{Path: "a.float", Kind: Daily, Metric: "float", Fraction: true},
			{Path: "bool", Kind: Bool, Metric: "bool"},
			{Path: "text", Kind: Text, Metric: "text", Label: "text", Words: words},
			{Path: "set", Kind: Set, Metric: "set", Label: "key", Words: words},
			{Path: "list", Kind: Length, Metric: "list"},
			{Path: "map.*.n", Kind: Difference, Metric: "map", Label: "key", Words: words},
			{Path: "count_*", Kind: LastHour, Metric: "count", Label: "key", Words: words},
		},
		Identify: func(raw string) (string, error) { return raw, nil },
	}
}

func seed(f *testing.F) {
	for _, s := range []string{
		`{"id":"x","a":{"gauge":1,"float":0.5},"bool":true,"text":"t","set":["a","b","a"],"list":["u",1],"map":{"":{"n":1},"k":{"n":2}},"count_a":3}`,
		`{"id":"\ud83d\ude00\ud83d","a":{"gauge":1e3},"text":"\u0041\n","set":null}`,
		"{\"id\":\"\xff\xfe\",\"a\":[],\"map\":{\"k\":[{\"n\":1}]}}", `{"id":"x","count_":-0.0e-1}`, `{"id":1}`, `[]`, ` {} `, `{"id":"x"}x`,
		`{"id":"x","a":{"gauge":01}}`, `{"id":"x","u":"\x"}`, `{"i\u0064":"x","list":[]}`,
	} {
		f.Add([]byte(s))
	}
}

// FuzzReport holds the decoder to encoding/json: to what it takes for JSON, and to what
// it finds there.
func FuzzReport(f *testing.F) {
	seed(f)
	p := fuzzed()
	decoder, err := NewDecoder(p, false)
	if err != nil {
		f.Fatal(err)
	}
	none := func(string) string { return "" }
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := decoder.Decode(nil, body, none)
		streamed, streamErr := decoder.DecodeFrom(nil, iotest.OneByteReader(bytes.NewReader(body)), none)
		if fmt.Sprint(got, err) != fmt.Sprint(streamed, streamErr) {
			t.Fatalf("in memory %v %v, as a stream %v %v", got, err, streamed, streamErr)
		}
		var refused *Error
		if err != nil && !errors.As(err, &refused) {
			t.Fatal(err)
		}
		if err == nil && !json.Valid(body) {
			t.Fatalf("took %q", body)
		}
		if err != nil && refused.Field == "" && json.Valid(body) && bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) &&
			!strings.Contains(refused.Text, "nested") {
			t.Fatalf("refused %q: %v", body, err)
		}
		if err != nil || doubles(body) {
			return
		}
		if want, known := oracle(p, body); known && !maps.Equal(valuesOf(got.Samples), want) {
			t.Fatalf("%q: got %v, want %v", body, got.Samples, want)
		}
	})
}

func valuesOf(samples []rollup.Sample) map[rollup.Series]float64 {
	values := make(map[rollup.Series]float64)
	for _, s := range samples {
		values[s.Series] = s.Value
	}
	return values
}

// doubles tells whether any object has a key twice, or a text is too long to compare.
func doubles(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	var keys []map[string]bool // of the objects around; nil for an array
	isKey := false
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return false
		}
		if text, ok := token.(string); ok && len(text) > maxText/2 {
			return true
		}
		switch delim, ok := token.(json.Delim); {
		case ok && delim == '{':
			keys, isKey = append(keys, make(map[string]bool)), true
			continue
		case ok && delim == '[':
			keys = append(keys, nil)
		case ok:
			keys = keys[:len(keys)-1]
		case isKey:
			key := token.(string)
			if keys[len(keys)-1][key] {
				return true
			}
			keys[len(keys)-1][key], isKey = true, false
			continue
		}
		isKey = len(keys) > 0 && keys[len(keys)-1] != nil
	}
}

// oracle reads a report with encoding/json into a tree, and looks each field up there.
// It is not known what it would be where there are more series than a field may have.
func oracle(p Product, body []byte) (values map[rollup.Series]float64, known bool) {
	var tree any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if d.Decode(&tree) != nil {
		return nil, false
	}
	values = make(map[rollup.Series]float64)
	for _, f := range p.Fields {
		look(tree, strings.Split(f.Path, "."), "", func(v any, star string) {
			f.oracle(p, v, star, values)
		})
	}
	return values, len(values) <= maxLabels
}

// look calls found with each value that a path leads to.
func look(tree any, path []string, star string, found func(v any, star string)) {
	object, ok := tree.(map[string]any)
	switch {
	case len(path) == 0:
		found(tree, star)
	case ok:
		prefix, isStar := strings.CutSuffix(path[0], "*")
		for key, v := range object {
			if rest, has := strings.CutPrefix(key, prefix); isStar && has {
				look(v, path[1:], rest, found)
			} else if key == path[0] {
				look(v, path[1:], star, found)
			}
		}
	}
}

// oracle adds the samples of one value.
func (f Field) oracle(p Product, v any, star string, values map[rollup.Series]float64) {
	labelled := func(text string) rollup.Series {
		return rollup.NewSeries(p.metric(f.Metric), []rollup.Label{{Name: f.Label, Value: text}})
	}
	plain := rollup.Series(p.metric(f.Metric))
	switch v := v.(type) {
	case json.Number:
		n, err := v.Float64()
		switch whole := n == math.Trunc(n) || f.Fraction; {
		case err != nil || f.Kind.class() != aNumber || !whole:
		case f.starred() && f.Words(star) != "":
			values[labelled(star)] += n
		case !f.starred():
			values[plain] = math.Abs(n)
		}
	case bool:
		if f.Kind == Bool {
			values[plain] = map[bool]float64{true: 1}[v]
		}
	case string:
		if f.Kind == Text && v != "" {
			values[labelled(v)] = 1
		}
	case []any:
		for _, e := range v {
			if text, ok := e.(string); ok && f.Kind == Set && text != "" {
				values[labelled(text)] = 1
			}
		}
		if f.Kind == Length {
			values[plain] = float64(len(v))
		}
	}
}
