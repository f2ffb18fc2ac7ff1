package ingest

import (
	"math"
	"net/http"
	"os"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Values of clients that escape nothing, and what is stored of them.
func TestUnescapedValues(t *testing.T) {
	tests := map[string]struct {
		line string
		want rollup.Series // empty: 400
	}{
		"quotes":                        {`cozy_a{os="Weird "OS" \\ 1",k="6"} 1`, `cozy_a{k="6",os="Weird \"OS\" \\\\ 1"}`},
		"quotes at both ends":           {`cozy_a{os=""OS"",k="6"} 1`, `cozy_a{k="6",os="\"OS\""}`},
		"a backslash":                   {`cozy_a{os="C:\dir"} 1`, `cozy_a{os="C:\\dir"}`},
		"a backslash at the end":        {`cozy_a{os="C:\",k="6"} 1`, `cozy_a{k="6",os="C:\\"}`},
		"a backslash before a quote":    {`cozy_a{os="a\"b"c"} 1`, `cozy_a{os="a\\\"b\"c"}`},
		"braces":                        {`cozy_a{os="{"a"b}"} 1`, `cozy_a{os="{\"a\"b}"}`},
		"with cluster_id":               {`cozy_a{os="a"b",cluster_id="victim"} 1`, `cozy_a{os="a\"b"}`},
		"a value that spells a label":   {`cozy_a{os="a"b",x="c"} 1`, `cozy_a{os="a\"b",x="c"}`},
		"what expfmt takes is expfmt's": {`cozy_a{os="a\"b\\"} 1`, `cozy_a{os="a\"b\\"}`},
		"a label twice":                 {`cozy_a{os="a"b",os="c"} 1`, ""},
		"cluster_id twice":              {`cozy_a{cluster_id="a"b",cluster_id="c"} 1`, ""},
		"__name__":                      {`cozy_a{os="a"b",__name__="cozy_b"} 1`, ""},
		"a quote before a comma":        {`cozy_a{os="the "OS", new"} 1`, ""},
		"a quote behind =":              {`cozy_a{os="os="a"b"} 1`, ""},
		"no comma between labels":       {`cozy_a{x="1" y="2"} 1`, ""},
		"two samples in a line":         {`cozy_a{x="a"b"} 1 cozy_b{x="2"} 1`, ""},
		"a forged end":                  {`cozy_a{x="a"} 1\ncozy_nodes_count{cluster_id="victim"} 999"} 1`, ""},
		"no number":                     {`cozy_a{x="a"b"} x`, ""},
		"no end":                        {`cozy_a{x="a"b} 1`, ""},
		"not UTF-8":                     {"cozy_a{x=\"a\"b\xff\"} 1", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			recorder := &memory{}
			server := newServer(t, recorder, Config{Lines: forward.AppendLines})
			resp, text := post(t, server.URL, "cozy_cluster_info 1\n"+tt.line+"\n", "X-Cluster-ID", "c1")
			if tt.want == "" {
				if resp.StatusCode != http.StatusBadRequest || len(recorder.reports) != 0 {
					t.Errorf("%d %s, %v", resp.StatusCode, text, recorder.reports)
				}
				return
			}
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", resp.StatusCode, text)
			}
			r := recorder.reports[0]
			sortSamples(r.Samples)
			if len(r.Samples) != 2 || r.Samples[0].Series != tt.want || r.Instance != "c1" {
				t.Errorf("got %v of %s, want %s", r.Samples, r.Instance, tt.want)
			}
			checkLines(t, recorder.lines[0], "c1", r.Samples, math.NaN())
		})
	}
}

// The report of an operator on a node with an odd name of its OS image counts.
func TestReportOfAnOddOS(t *testing.T) {
	body, err := os.ReadFile("../testdata/operator-v1-odd-os.prom")
	if err != nil {
		t.Fatal(err)
	}
	samples, _, err := parse(Limits{}, body)
	if err != nil || samples[3].Series != `cozy_nodes_count{kernel="6.6.64-talos",os="linux (Weird \"OS\" \\\\ 1)"}` || samples[3].Value != 2 {
		t.Errorf("%v, %v", samples, err)
	}
}
