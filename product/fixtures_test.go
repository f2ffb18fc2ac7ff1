package product_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func products() []product.Product {
	return []product.Product{synapse.Product(), coroot.Product(), kubeatlas.Product()}
}

// fixture is a report as a client sends it, and exactly what is kept of it. The file
// beside the report has a header of the request, whose report it is, what was left out,
// and the samples with how a month keeps them.
type fixture struct {
	name   string
	body   []byte
	header map[string]string
	want   []string
}

func fixtures(t testing.TB, p product.Product) (all []fixture) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(p.Name, "testdata", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s has no fixtures: %v", p.Name, err)
	}
	for _, file := range files {
		f := fixture{name: strings.TrimSuffix(filepath.Base(file), ".json"), header: make(map[string]string)}
		if f.body, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(strings.TrimSuffix(file, "json") + "want")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(want)) {
			line = strings.TrimSuffix(line, "\n")
			if key, value, ok := strings.Cut(line, ": "); ok && key == "User-Agent" {
				f.header[key] = value
				continue
			}
			f.want = append(f.want, line)
		}
		all = append(all, f)
	}
	return all
}

// TestFixtures holds each variation of the clients' reports to what is kept of it, read
// from memory and from a stream that brings a byte at a time.
func TestFixtures(t *testing.T) {
	for _, p := range products() {
		decoder, err := product.NewDecoder(p, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fixtures(t, p) {
			t.Run(p.Name+"/"+f.name, func(t *testing.T) {
				header := func(name string) string { return f.header[name] }
				report, err := decoder.Decode(nil, f.body, header)
				if got := written(report, err); !slices.Equal(got, f.want) {
					t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(f.want, "\n"))
				}
				report, err = decoder.DecodeFrom(nil, iotest.OneByteReader(bytes.NewReader(f.body)), header)
				if got := written(report, err); !slices.Equal(got, f.want) {
					t.Errorf("from a stream: got:\n%s", strings.Join(got, "\n"))
				}
			})
		}
	}
}

// written is a decoded report as the files have it.
func written(r product.Report, err error) []string {
	if err != nil {
		var refused *product.Error
		if errors.As(err, &refused) {
			return []string{"refused: " + refused.Message()}
		}
		return []string{"error: " + err.Error()}
	}
	lines := []string{"from: " + r.Name}
	for _, path := range r.LeftOut {
		lines = append(lines, "left out: "+path)
	}
	slots := map[rollup.Slotting]string{rollup.ByDay: " by day", rollup.ByHour: " by hour"}
	var samples []string
	for _, s := range r.Samples {
		samples = append(samples, fmt.Sprintf("%s %v%s", s.Series, s.Value, slots[s.Slot]))
	}
	slices.Sort(samples)
	return append(lines, samples...)
}
