package ingest

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// scanSeeds has the lexical corners of the format.
var scanSeeds = []string{
	"", "\n", "\n\n", " ", "\t\n", "#", "# c\n", "  # c", "#\n#\n", " #cozy_a 1\ncozy_b 2", "# HELP cozy_a \\x\ncozy_a 1\n",
	"cozy_a 1", "cozy_a 1\n", " cozy_a 1\n", "\tcozy_a\t1\n", "cozy_a  1\n", "cozy_a \t 1\n", "cozy_a 1 \n", "cozy_a 1\t\n", "cozy_a\n", "cozy_a \n",
	"cozy_a1\n", "cozy_a+1\n", "cozy_a-0\n", "cozy_a.5\n", "cozy_a#1\n", "1cozy 1\n", ":cozy 1\n", "cozy:a 1\n", "_a 1\n", "cozy-a 1\n", "cozy.a 1\n", "-1\n",
	"cozy_a{} 1", "cozy_a{}1", "cozy_a {} 1", "cozy_a\t{ }\t1", "cozy_a { x = \"1\" , } 1", "cozy_a{,} 1", "cozy_a{x=\"1\",} 1", "cozy_a{x=\"1\",,} 1",
	"cozy_a{,x=\"1\"} 1", "cozy_a{x=\"1\" y=\"2\"} 1", "cozy_a{x=\"1\"y=\"2\"} 1", "cozy_a{x=\"1\"}1", "cozy_a{x=\"1\"}  1", "cozy_a{x=\"1\"}", "cozy_a{x=\"1\"} ",
	"cozy_a{x=\"1\"}} 1", "cozy_a{{x=\"1\"} 1", "cozy_a{x=\"}\"} 1", "cozy_a{x=\"{\"} 1", "cozy_a{x=\"a\\\"}\"} 1", "cozy_a{x=\"\\\\\"} 1", "cozy_a{x=\"\\\\\\\"\"} 1",
	"cozy_a{x=\"\\n\"} 1", "cozy_a{x=\"\\t\"} 1", "cozy_a{x=\"\\", "cozy_a{x=\"", "cozy_a{x=", "cozy_a{x", "cozy_a{", "cozy_a{x=1} 1", "cozy_a{x='1'} 1", "cozy_a{=\"1\"} 1", "cozy_a{\"1\"} 1",
	"cozy_a{1x=\"1\"} 1", "cozy_a{x:y=\"1\"} 1", "cozy_a{x-y=\"1\"} 1", "cozy_a{x=\"1\"} {y=\"2\"} 1", "cozy_a {x=\"1\"} {} 1", "cozy_a 1 {x=\"1\"}",
	"{} 1", "{cozy_a} 1", "{\"cozy_a\"} 1", "{\"cozy_a\",x=\"1\"} 1", "{x=\"1\",\"cozy_a\"} 1", "{\"cozy_a\",\"cozy_b\"} 1", "{\"cozy_a\", \"x\"=\"1\"}1", "cozy_a{\"x\"=\"1\"} 1",
	"cozy_a{\"x\"=\"1\"} 1\ncozy_a{x=\"1\"} 2", "cozy_a{\"x}\"=\"1\"} 1", "cozy_a{a\"b\"=\"1\"} 1", "\"cozy_a\" 1", "cozy\"_a\" 1", "cozy_a\"b c\" 1", "cozy_a\"b\"{x=\"1\"} 1", "cozy_a{\"x\\\"}\"=\"1\"} 1",
	"cozy_a{x=\"\xff\"} 1", "cozy_a{x=\"\xc3\xa9\"} 1", "cozy_\xc3\xa9 1", "cozy_a{\xc3\xa9=\"1\"} 1", "cozy_a{x=\"\x00\"} 1", "cozy_a\x00 1", "\x00", "\xef\xbb\xbfcozy_a 1", "cozy_a{x=\"\xef\xbb\xbf\"} 1",
	"cozy_a 1\r\n", "\r\n", "cozy_a\r1\n", "cozy_a{x=\"\r\"} 1\n", "cozy_a 1\v2\n", "cozy_a\v1\n", "cozy_a\u00a01\n", "\fcozy_a 1\n",
	"cozy_a 1 5\n", "cozy_a 1 -5\n", "cozy_a 1 +5\n", "cozy_a 1  5\n", "cozy_a 1\t5\n", "cozy_a 1 5 \n", "cozy_a 1 5 6\n", "cozy_a 1 5.0\n", "cozy_a 1 1e3\n", "cozy_a 1 0x5\n", "cozy_a 1 1_0\n", "cozy_a 1 -\n",
	"cozy_a 1 9223372036854775807\n", "cozy_a 1 9223372036854775808\n", "cozy_a 1 -9223372036854775808\n", "cozy_a 1 007\n", "cozy_a 1 5\\\n", "cozy_a 1 5#\n", "cozy_a 1 # {x=\"1\"} 2\n", "cozy_a 1 5 # {x=\"1\"} 2\n",
	"cozy_a 0\n", "cozy_a 00\n", "cozy_a 007\n", "cozy_a 0000000000000000000000000000000000001\n", "cozy_a 999999999999999\n", "cozy_a 9999999999999999\n", "cozy_a 9007199254740991\n", "cozy_a 9007199254740992\n", "cozy_a 9007199254740993\n",
	"cozy_a 9007199254740994\n", "cozy_a 9007199254740992.5\n", "cozy_a 9007199254740993.1\n", "cozy_a 18446744073709551616\n", "cozy_a 99999999999999999999999999\n", "cozy_a 1e15\n", "cozy_a 1e16\n", "cozy_a 1e308\n", "cozy_a 1e309\n", "cozy_a 1e-400\n", "cozy_a 1e-308\n",
	"cozy_a 5e-324\n", "cozy_a 2e-324\n", "cozy_a -1e-400\n", "cozy_a -0\n", "cozy_a -0.0\n", "cozy_a -0e5\n", "cozy_a +0\n", "cozy_a +1\n", "cozy_a ++1\n", "cozy_a -1\n", "cozy_a .5\n", "cozy_a 5.\n", "cozy_a .\n", "cozy_a +.5\n", "cozy_a 1e\n", "cozy_a 1e+\n", "cozy_a e1\n", "cozy_a 1E3\n", "cozy_a 1e+3\n", "cozy_a 1e-3\n", "cozy_a 0.1\n", "cozy_a 1.5.5\n",
	"cozy_a 1_0\n", "cozy_a 0x1\n", "cozy_a 0x1p-2\n", "cozy_a 0X1P2\n", "cozy_a 0b1\n", "cozy_a 0o7\n", "cozy_a 1p2\n", "cozy_a 1,5\n", "cozy_a 1a\n", "cozy_a 1-\n",
	"cozy_a NaN\n", "cozy_a nan\n", "cozy_a nAn\n", "cozy_a +NaN\n", "cozy_a Inf\n", "cozy_a +Inf\n", "cozy_a -Inf\n", "cozy_a inf\n", "cozy_a INFINITY\n", "cozy_a infinity\n", "cozy_a infinit\n",
	"cozy_a{x=\"1\",x=\"2\"} 1", "cozy_a{x=\"1\",\"x\"=\"2\"} 1", "cozy_a{__name__=\"cozy_b\"} 1", "cozy_a{cluster_id=\"x\",cluster_id=\"y\"} 1", "cozy_a{cluster_id=\"x\"} 1\ncozy_a 2\ncozy_a{} 3\ncozy_a{cluster_id=\"\"} 1",
	"cozy_a{b=\"1\",a=\"2\"} 1\ncozy_a{a=\"2\",b=\"1\"} 3\ncozy_a{ a=\"2\", b=\"1\", } 2", "cozy_a 1\ncozy_a 2\ncozy_a 1\n", "cozy_a 1\ncozy_a 1.5\ncozy_a +2\n", "cozy_a 1\ncozy_b 2\ncozy_a 3\ncozy_b 1\n",
	"go_x 1\ncozy_a 2\ngo_x 3\n", "go_x NaN\n", "go_x -1\n", "cozy_cluster_nodes 5\n", "cozy_a 1\n\n# c\n\nbad\n", "cozy_a 1\ncozy_b 1\ncozy_a x\n", "cozy_a 1\ncozy_b 1\ncozy_a -1\n",
	"cozy_a 1\ncozy_a 1\ncozy_a 1\ncozy_a 1\ncozy_a 1\ncozy_a 1\ncozy_a 1\ncozy_a 1\ncozy_a 1\n",
	"cozy_a{a=\"1\",b=\"2\",c=\"3\",d=\"4\"} 1", "cozy_a{a=\"1\",b=\"2\",c=\"3\",d=\"4\"} x", "cozy_a{a=\"1\",b=\"2\",c=\"3\",d=\"4\"} NaN", "cozy_a{x=\"0123456789012345678901234567890123456789\"} 1", "cozy_a01234567890123456789012345678901234567 1",
	"cozy_a{l0123456789012345678901234567890123456789=\"1\"} 1", "cozy_a 1 5\ncozy_a 2\ncozy_a 3 x\n", "cozy_a 1\ncozy_a{} 1\ncozy_a  1\n cozy_a 1\n",
	"cozy_nodes_count{os=\"linux (Talos (v1.9.5))\",kernel=\"6.12.18-talos\"} 1\ncozy_nodes_count{os=\"linux (Talos (v1.9.5))\",kernel=\"6.12.19-talos\"} 2\n",
	`cozy_a{x="W "OS" \\ 1",y="2"} 1`, `cozy_a{x=""OS""} 1`, `cozy_a{x="C:\d"} 1`, `cozy_a{x="C:\"} 1`, `cozy_a{x="C:\",y="1"} 1`, `cozy_a{x="a\"b"c"} 1`, `cozy_a{x="a"b", y="1"} 1`, `cozy_a{x="a"b"}1 5`,
	`cozy_a{x="a", b"} 1`, `cozy_a{x="a="b"} 1`, `cozy_a{x="a"b="} 1`, `cozy_a{x="a"} 1"} 2`, `cozy_a{x="a"b",x="2"} 1`, `cozy_a{x="a"b",cluster_id="v"} 1`, `cozy_a{x="a"b",__name__="cozy_b"} 1`, `cozy_a{x="a"b"} 1 # {}`,
	"cozy_nodes_count 5\n", "cozy_nodes_count 5.5\n", "cozy_nodes_count 3\ncozy_nodes_count{os=\"x\"} 3\n", "cozy_nodes_count 9007199254740992\ncozy_nodes_count{a=\"1\"} 9007199254740992\n",
	"cozy_nodes_count 3\ncozy_nodes_count 3\n", "cozy_nodes_count 3\ncozy_nodes_count 5\ncozy_nodes_count 4\n", "cozy_tenants_count 6\n", "cozy_tenants_count 7\n",
	"cozy_application_count{kind=\"Tenant\"} 6\n", "cozy_application_count{kind=\"Tenant\"} 3\ncozy_application_count{a=\"1\",kind=\"Tenant\"} 4\n", "cozy_tenants_count 4\ncozy_application_count{kind=\"Tenant\"} 4\n",
	"cozy_application_count{kind=\"A\"} 7\ncozy_application_count{kind=\"B\"} 7\n", "cozy_application_count{kind=\"A\"} 4\ncozy_application_count{a=\"1\",kind=\"A\"} 4\n", "cozy_application_count 8\n", "cozy_application_counts 8\ncozy_application_count 4\n",
}

// fuzzLimits are small, so that inputs meet them.
var fuzzLimits = Limits{Samples: 8, Labels: 3, LabelBytes: 32, Nodes: 5, Tenants: 6, Apps: 7, Allow: []string{"cozy_*", "a*"}}

// known is what a parser has met before a body, for it to be misled by.
const known = "cozy_a 1\ncozy_a{} 1\ncozy_a{x=\"1\"} 1\ncozy_b 1\ngo_x 1\ncozy_a{x=\"\\\\\"} 1\ncozy_a{\"x\"=\"1\"} 1\na 1\n"

// FuzzScan holds a parser to the oracle: it takes and refuses the same bodies,
// for the same reasons, and finds the same samples in them. It does so when it
// has seen nothing yet, when it has seen the same body before, when it has seen
// others, and when it forgets all the time.
func FuzzScan(f *testing.F) {
	for _, seed := range scanSeeds {
		f.Add([]byte(seed))
	}
	for _, body := range payloads(f) {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		// What stands behind the body in memory is not the parser's to change.
		original := append(bytes.Clone(body), "behind"...)
		body = slices.Clone(original)[:len(body)]
		parser, experienced, forgetful := NewParser(fuzzLimits, 1), NewParser(fuzzLimits, 1), NewParser(fuzzLimits, 1)
		forgetful.table = newTable(4, 1<<20)
		mustParse(t, experienced, []byte(known))
		for _, when := range []string{"cold", "warm", "again"} {
			checkOracle(t, when, parser, body, fuzzLimits)
			checkOracle(t, when+", experienced", experienced, body, fuzzLimits)
			checkOracle(t, when+", forgetful", forgetful, body, fuzzLimits)
		}
		if !bytes.Equal(body[:cap(body)][:len(original)], original) {
			t.Fatal("the body was changed")
		}
	})
}

// checkOracle parses a body and compares all that is seen of it with the oracle.
func checkOracle(t *testing.T, when string, parser *Parser, body []byte, limits Limits) {
	t.Helper()
	want, wantDropped, wantErr := parseOracle(body, limits)
	got, dropped, err := parser.Parse(nil, body)
	sortSamples(got)
	var wantRefusal, refusal *Refusal
	if errors.As(wantErr, &wantRefusal) != errors.As(err, &refusal) {
		t.Fatalf("%s: error %v, want %v", when, err, wantErr)
	}
	if wantRefusal != nil && (refusal.Status != wantRefusal.Status || refusal.Text != wantRefusal.Text) {
		t.Fatalf("%s: %d %q, want %d %q", when, refusal.Status, refusal.Text, wantRefusal.Status, wantRefusal.Text)
	}
	if dropped != wantDropped || !slices.EqualFunc(got, want, same) {
		t.Fatalf("%s: %v, %d dropped; want %v, %d dropped", when, got, dropped, want, wantDropped)
	}
}

// same tells whether two samples are the same to the bit: -0 is not 0.
func same(a, b rollup.Sample) bool {
	return a.Series == b.Series && math.Float64bits(a.Value) == math.Float64bits(b.Value)
}
