package ingest

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// parse parses a body with a new parser and sorts the samples by series.
func parse(limits Limits, body []byte) (samples []rollup.Sample, dropped int, err error) {
	samples, dropped, err = NewParser(limits, 1).Parse(nil, body)
	sortSamples(samples)
	return samples, dropped, err
}

func sortSamples(samples []rollup.Sample) {
	slices.SortFunc(samples, func(a, b rollup.Sample) int { return strings.Compare(string(a.Series), string(b.Series)) })
}

func TestParseTakes(t *testing.T) {
	tests := map[string]struct {
		body    string
		want    []rollup.Sample
		dropped int
	}{
		"empty":                 {"", nil, 0},
		"comments only":         {"# HELP cozy_a x\n  # TYPE cozy_a counter\n\n", nil, 0},
		"no last line feed":     {"cozy_a 1", []rollup.Sample{{Series: "cozy_a", Value: 1}}, 0},
		"sorted by series":      {"cozy_b 2\ncozy_a{x=\"1\"} 1\n", []rollup.Sample{{Series: `cozy_a{x="1"}`, Value: 1}, {Series: "cozy_b", Value: 2}}, 0},
		"labels sorted":         {`cozy_a{z="1",b="2"} 3`, []rollup.Sample{{Series: `cozy_a{b="2",z="1"}`, Value: 3}}, 0},
		"timestamp ignored":     {"cozy_a 1 1700000000000\n", []rollup.Sample{{Series: "cozy_a", Value: 1}}, 0},
		"own cluster_id":        {`cozy_a{cluster_id="evil",x="1"} 1`, []rollup.Sample{{Series: `cozy_a{x="1"}`, Value: 1}}, 0},
		"only cluster_id":       {`cozy_a{cluster_id="evil"} 1`, []rollup.Sample{{Series: "cozy_a", Value: 1}}, 0},
		"quoted cluster_id":     {`cozy_a{"cluster_id"="evil"} 1`, []rollup.Sample{{Series: "cozy_a", Value: 1}}, 0},
		"doubled series":        {"cozy_a 1\ncozy_a 3\ncozy_a 2\n", []rollup.Sample{{Series: "cozy_a", Value: 3}}, 0},
		"not allowed":           {"go_goroutines 7\ncozy_a 1\n", []rollup.Sample{{Series: "cozy_a", Value: 1}}, 1},
		"derived name is ours":  {"cozy_cluster_nodes 99\n", nil, 1},
		"minus zero":            {"cozy_a -0\n", []rollup.Sample{{Series: "cozy_a", Value: 0}}, 0},
		"largest value":         {"cozy_a 9007199254740992\n", []rollup.Sample{{Series: "cozy_a", Value: rollup.MaxValue}}, 0},
		"TYPE turns nothing":    {"# TYPE cozy_a histogram\ncozy_a_bucket{le=\"1\"} 1\n", []rollup.Sample{{Series: `cozy_a_bucket{le="1"}`, Value: 1}}, 0},
		"HELP that spells more": {"# HELP cozy_a x\\ncozy_b 1\ncozy_a 1\n", []rollup.Sample{{Series: "cozy_a", Value: 1}}, 0},
		"forged line in a value": {
			`cozy_a{x="\"} 1\ncozy_nodes_count{cluster_id=\"victim\"} 999\n\\"} 1`,
			[]rollup.Sample{{Series: `cozy_a{x="\"} 1\ncozy_nodes_count{cluster_id=\"victim\"} 999\n\\"}`, Value: 1}}, 0,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, dropped, err := parse(Limits{}, []byte(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			if len(got)+len(tt.want) > 0 && !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if dropped != tt.dropped {
				t.Errorf("dropped %d, want %d", dropped, tt.dropped)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("x", 1025)
	tests := map[string]struct {
		body   string
		status int
		text   string
	}{
		"no value":            {"cozy_a 1\n\ncozy_b\n", 400, "line 3: "},
		"text":                {"hello world, this is no metric\n", 400, "line 1: "},
		"NaN":                 {"cozy_a NaN\n", 400, "line 1: the value is NaN"},
		"infinite":            {"cozy_a +Inf\n", 400, "line 1: the value is infinite"},
		"negative":            {"# c\ncozy_a -1\n", 400, "line 2: the value is negative"},
		"too large":           {"cozy_a 9007199254740994\n", 400, "line 1: the value is above 2^53"},
		"a dropped one's NaN": {"go_x NaN\n", 400, "line 1: the value is NaN"},
		"invalid UTF-8":       {"cozy_a{x=\"\xff\"} 1\n", 400, "line 1: "},
		"doubled label":       {`cozy_a{x="1",x="2"} 1`, 400, "line 1: "},
		"__name__":            {`cozy_a{__name__="cozy_b"} 1`, 400, "line 1: "},
		"quoted odd name":     {`{"cozy_a b"} 1`, 400, "line 1: "},
		"bare line feed":      {"cozy_a{x=\"a\nb\"} 1", 400, "line 1: "},
		"CR LF":               {"cozy_a 1\r\n", 400, "line 1: "},
		"exemplar":            {"cozy_a 1 # {x=\"1\"} 2\n", 400, "line 1: "},
		"samples":             {strings.Repeat("cozy_a 1\n", 5001), 413, "more than 5000 samples"},
		"labels":              {"cozy_a{" + labels(25) + "} 1", 413, "more than 24 labels"},
		"label value":         {`cozy_a{x="` + long + `"} 1`, 413, "more than 1024 bytes"},
		"label name":          {`cozy_a{` + long + `="1"} 1`, 413, "more than 1024 bytes"},
		"metric name":         {"cozy_" + long + " 1", 413, "more than 1024 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			samples, _, err := parse(Limits{}, []byte(tt.body))
			var refusal *Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("got %v, %v; want a refusal", samples, err)
			}
			if refusal.Status != tt.status || !strings.HasPrefix(refusal.Text, tt.text) {
				t.Errorf("got %d %q, want %d %q", refusal.Status, refusal.Text, tt.status, tt.text)
			}
			if samples != nil {
				t.Errorf("a refused body gave samples: %v", samples)
			}
		})
	}
}

func labels(n int) string {
	var all []string
	for i := range n {
		all = append(all, "l"+strconv.Itoa(i)+`="1"`)
	}
	return strings.Join(all, ",")
}

func TestParseRealReports(t *testing.T) {
	for file, want := range map[string]int{"operator-v1.prom": 11, "controller-v1.prom": 5, "controller-v0.prom": 7, "operator-v1-odd-os.prom": 4} {
		body, err := os.ReadFile("../testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		samples, dropped, err := parse(Limits{}, body)
		if err != nil || len(samples) != want || dropped != 0 {
			t.Errorf("%s: %d samples, %d dropped, %v; want %d", file, len(samples), dropped, err, want)
		}
	}
}

// FuzzParse holds that what is forwarded of any body is exactly its samples,
// under the sender's id, and that reading it back gives the same samples.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"cozy_a 1\n", `cozy_a{x="\"} 1\ncozy_b 2\\"} 1`, "# HELP cozy_a \\n x\ncozy_a{b=\"é\",a=\"\"} 1e3 5\n",
		`{"cozy_a","x"="y"} 1`, "cozy_a{cluster_id=\"x\"} 1\ncozy_a 2", "cozy_nodes_count{k=\"1\"} 1\ncozy_nodes_count 2\n",
		"cozy_nodes_count{os=\"Weird \"OS\" \\\\ 1\",kernel=\"6\"} 2\n", `cozy_a{x="\d",y="\"} 1`,
		"cozy_a\t{ x = \"1\" , } 0.5 -3\n", "cozy_a 1\r\n", "cozy_a{x=\"\x00\"} 4",
	} {
		f.Add([]byte(seed))
	}
	for _, body := range payloads(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		samples, dropped, err := parse(Limits{}, body)
		if lines := bytes.Count(body, []byte("\n")) + 1; len(samples)+dropped > lines {
			t.Fatalf("%d samples of %d lines", len(samples)+dropped, lines)
		}
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Status/100 != 4 {
				t.Fatalf("not a refusal: %v", err)
			}
			return
		}
		text := forward.AppendLines(nil, rollup.Report{Instance: "me", Received: time.UnixMilli(1), Samples: samples})
		checkForwarded(t, string(text), samples)
		again, _, err := parse(Limits{}, text)
		if err != nil || len(again)+len(samples) > 0 && !reflect.DeepEqual(again, samples) {
			t.Fatalf("read back: %v, %v; want %v", again, err, samples)
		}
	})
}

// checkForwarded reads forwarded text with expfmt: every line has the sender's
// id, and there are as many as there were samples, and the derived one.
func checkForwarded(t *testing.T, text string, samples []rollup.Sample) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("forwarded text does not parse: %v\n%s", err, text)
	}
	lines, derived := 0, 0
	for name, family := range families {
		for _, m := range family.Metric {
			lines++
			if name == rollup.MetricClusterNodes {
				derived++
			}
			if len(m.Label) == 0 || m.Label[0].GetName() != rollup.LabelCluster || m.Label[0].GetValue() != "me" {
				t.Fatalf("a line without the sender's id: %v", m)
			}
		}
	}
	if lines != len(samples)+derived || derived > 1 {
		t.Fatalf("%d lines, %d derived, for %d samples", lines, derived, len(samples))
	}
}

func TestAllowPatterns(t *testing.T) {
	l := Limits{Allow: []string{"up", "kube_*_count"}}
	samples, dropped, err := parse(l, []byte("up 1\nkube_x_count 1\nkube_x 1\ncozy_a 1\n"))
	if err != nil || len(samples) != 2 || dropped != 2 {
		t.Errorf("%v, %d, %v", samples, dropped, err)
	}
	if err := (Limits{Allow: []string{"cozy_[*"}}).Check(); err == nil {
		t.Error("a malformed pattern is accepted")
	}
}

func TestRefusalStatus(t *testing.T) {
	if r := refusalOf(errors.New("disk")); r.Status != http.StatusServiceUnavailable || strings.Contains(r.Text, "disk") {
		t.Errorf("got %d %q", r.Status, r.Text)
	}
}
