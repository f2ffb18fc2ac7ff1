package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
)

// startVictoria starts a VictoriaMetrics that ends with the test.
func startVictoria(t *testing.T, dir, addr string) *victoria.Server {
	t.Helper()
	v, err := victoria.Start(t.Context(), dir, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Kill)
	return v
}

const importPath = "/api/v1/import/prometheus"

// exported is a series as VictoriaMetrics exports it.
type exported struct {
	Metric     map[string]string
	Values     []float64
	Timestamps []int64
}

// seriesOf returns all samples of the series that match.
func seriesOf(t *testing.T, v *victoria.Server, match string) []exported {
	t.Helper()
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []exported
	d := json.NewDecoder(strings.NewReader(get(t, v.URL+"/api/v1/export?reduce_mem_usage=1&match[]="+match)))
	for d.More() {
		var e exported
		if err := d.Decode(&e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}
