package ingest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Bodies and requests that are made to deceive or to break the server.

// A label's value that spells out a whole line of another cluster stays a value,
// byte for byte, in the record and in what is forwarded.
func TestS1ForgedLineInAValue(t *testing.T) {
	const stamp = " 1773576000000\n"
	tests := map[string]string{ // by the value's spelling
		"escaped quote and line feed": `\"} 1\ncozy_nodes_count{cluster_id=\"victim\"} 999\n`,
		"escaped backslash":           `\\\"} 1\\ncozy_nodes_count{cluster_id=\\\"victim\\\"} 999\\n\\\\`,
		"a comment":                   `\n# TYPE cozy_nodes_count gauge\ncozy_nodes_count 999\n`,
		"other line ends":             "\r\u2028\u0085\v\fcozy_nodes_count 999",
		"zero":                        "\x00cozy_nodes_count 999",
		"braces":                      `}{cluster_id=\"victim\"} 999 `,
	}
	for name, spelling := range tests {
		t.Run(name, func(t *testing.T) {
			recorder := &memory{}
			server := newServer(t, recorder, Config{Lines: forward.AppendLines})
			resp, text := post(t, server.URL, `cozy_a{x="`+spelling+`"} 1`+"\n", "X-Cluster-ID", "c1")
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%d %s", resp.StatusCode, text)
			}
			report := recorder.reports[0]
			value := strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n").Replace(spelling)
			if report.Instance != "c1" || len(report.Samples) != 1 || report.Samples[0].Series.Label("x") != value {
				t.Errorf("recorded %+v", report)
			}
			if want := `cozy_a{cluster_id="c1",x="` + spelling + `"} 1` + stamp; recorder.lines[0] != want {
				t.Errorf("forwarded\n%q, want\n%q", recorder.lines[0], want)
			}
		})
	}
}

// What stands in comments, or in quotes where a name is expected, makes no line.
func TestS2CommentsAndQuotedNames(t *testing.T) {
	const own = "cozy_a{cluster_id=\"c1\"} 1 1773576000000\n"
	tests := map[string]struct {
		body   string
		status int
		lines  string
	}{
		"HELP with an escaped line feed":  {"# HELP cozy_a x\\ncozy_nodes_count 999\ncozy_a 1\n", 200, own},
		"HELP with a carriage return":     {"# HELP cozy_a x\rcozy_nodes_count 999\ncozy_a 1\n", 200, own},
		"HELP with a real line feed":      {"# HELP cozy_a x\ncozy_nodes_count{cluster_id=\"victim\"} = 999\ncozy_a 1\n", 400, ""},
		"TYPE with an escaped line feed":  {"# TYPE cozy_a gauge\\ncozy_nodes_count 999\ncozy_a 1\n", 200, own},
		"TYPE of nonsense":                {"# TYPE cozy_a {cluster_id=\"victim\"} 999\ncozy_a 1\n", 200, own},
		"TYPE histogram":                  {"# TYPE cozy_a histogram\ncozy_a 1\n", 200, own},
		"TYPE twice":                      {"# TYPE cozy_a gauge\n# TYPE cozy_a counter\ncozy_a 1\n", 200, own},
		"quoted name":                     {`{"cozy_a"} 1`, 200, own},
		"quoted name with a line feed":    {`{"cozy_a 1\ncozy_nodes_count"} 999`, 400, ""},
		"quoted name with a quote":        {`{"cozy_a\"} 1\ncozy_b"} 999`, 400, ""},
		"quoted label with a line feed":   {`cozy_a{"x\"} 1\ncozy_nodes_count{y"="1"} 999`, 400, ""},
		"quoted label that is the server": {`cozy_a{"cluster_id"="victim"} 1`, 200, own},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			recorder := &memory{}
			server := newServer(t, recorder, Config{Lines: forward.AppendLines})
			resp, text := post(t, server.URL, tt.body, "X-Cluster-ID", "c1")
			if got := strings.Join(recorder.lines, ""); resp.StatusCode != tt.status || got != tt.lines {
				t.Errorf("%d %s, forwarded\n%q, want %d,\n%q", resp.StatusCode, text, got, tt.status, tt.lines)
			}
		})
	}
}

// Labels that are not the sender's to set are replaced or refused.
func TestS3ReservedLabels(t *testing.T) {
	const id = "X-Cluster-ID"
	runPosts(t, map[string]postCase{
		"cluster_id":            {`cozy_a{cluster_id="victim"} 1`, []string{id, "c1"}, 200, "", 1},
		"cluster_id, twice":     {`cozy_a{cluster_id="victim",cluster_id="c2"} 1`, []string{id, "c1"}, 400, "line 1: ", 0},
		"__name__":              {`cozy_a{__name__="cozy_nodes_count"} 1`, []string{id, "c1"}, 400, "line 1: ", 0},
		"quoted __name__":       {`cozy_a{"__name__"="cozy_nodes_count"} 1`, []string{id, "c1"}, 400, "line 1: ", 0},
		"a label twice":         {`cozy_a{x="1",x="2"} 1`, []string{id, "c1"}, 400, "line 1: ", 0},
		"a label twice, quoted": {`cozy_a{x="1","x"="2"} 1`, []string{id, "c1"}, 400, "line 1: ", 0},
		"two names":             {`cozy_a{"cozy_b"} 1`, []string{id, "c1"}, 400, "line 1: ", 0},
	})
	recorder := &memory{}
	server := newServer(t, recorder, Config{Lines: forward.AppendLines})
	post(t, server.URL, `cozy_a{cluster_id="victim",x="1"} 1`, id, "c1")
	if want := "cozy_a{cluster_id=\"c1\",x=\"1\"} 1 1773576000000\n"; recorder.lines[0] != want || recorder.reports[0].Samples[0].Series != `cozy_a{x="1"}` {
		t.Errorf("forwarded %q of %v", recorder.lines[0], recorder.reports[0].Samples)
	}
}

func TestS5BodyLimit(t *testing.T) {
	c1 := []string{"X-Cluster-ID", "c1"}
	runPosts(t, map[string]postCase{
		"one below":    {padded(4095), c1, 200, "", 1},
		"at the limit": {padded(4096), c1, 200, "", 1},
		"one over":     {padded(4097), c1, 413, "larger than 4096 bytes", 0},
		"11 MB":        {padded(11 << 20), c1, 413, "larger than 4096 bytes", 0},
	})
}

// Requests as they go over the wire, where the length may be unknown or a lie.
func TestS5LengthsOnTheWire(t *testing.T) {
	const head = "POST / HTTP/1.1\r\nHost: x\r\nX-Cluster-ID: c1\r\n"
	chunked := func(n int) string {
		return fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, n, padded(n))
	}
	tests := map[string]struct {
		sent   string
		ends   bool // the sender closes its side
		status int
		stored int
		closed bool
	}{
		"chunked, one below":       {chunked(4095), false, 200, 1, false},
		"chunked, at the limit":    {chunked(4096), false, 200, 1, false},
		"chunked, one over":        {chunked(4097), false, 413, 0, true},
		"chunked, 11 MB":           {chunked(11 << 20), false, 413, 0, true},
		"chunk that says too much": {head + "Transfer-Encoding: chunked\r\n\r\nffff\r\ncozy_a 1\n", true, 400, 0, true},
		"length of 11 MB alone":    {head + "Content-Length: 11534336\r\n\r\n", false, 413, 0, true},
		"length too long":          {head + "Content-Length: 100\r\n\r\ncozy_a 1\n", true, 400, 0, false},
		"length too short":         {head + "Content-Length: 9\r\n\r\ncozy_a 1\ncozy_b 2\n", true, 200, 1, false},
		"length of 0":              {head + "Content-Length: 0\r\n\r\n", false, 200, 0, false},
		"negative length":          {head + "Content-Length: -1\r\n\r\n", false, 400, 0, true},
		"two lengths":              {head + "Content-Length: 9\r\nContent-Length: 10\r\n\r\ncozy_a 1\n", false, 400, 0, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			recorder := &memory{}
			server := newServer(t, recorder, Config{Limits: Limits{BodyBytes: 4096}})
			conn, err := net.Dial("tcp", strings.TrimPrefix(server.URL, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = io.WriteString(conn, tt.sent) // fails when the server closes before
				if tt.ends {
					_ = conn.(*net.TCPConn).CloseWrite()
				}
			}()
			answers := bufio.NewReader(conn)
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			recorder.mu.Lock()
			defer recorder.mu.Unlock()
			if resp.StatusCode != tt.status || resp.Close != tt.closed || len(recorder.reports) != tt.stored {
				t.Errorf("got %d, closed %v, stored %v", resp.StatusCode, resp.Close, recorder.reports)
			}
			if tt.closed {
				if _, err := io.Copy(io.Discard, answers); err != nil && !isReset(err) {
					t.Errorf("the connection stays open: %v", err)
				}
			}
		})
	}
}

// isReset tells whether the peer has closed although bytes were on their way.
func isReset(err error) bool { return strings.Contains(err.Error(), "reset") }

func TestS7ContentEncoding(t *testing.T) {
	good := "cozy_cluster_info 1\n"
	zip := zipped(t, good)
	badSum := zip[:len(zip)-5] + "\x00" + zip[len(zip)-4:]
	encoded := func(as string) []string { return []string{"X-Cluster-ID", "c1", "Content-Encoding", as} }
	runPosts(t, map[string]postCase{
		"gzip":                {zip, encoded("gzip"), 200, "", 1},
		"GZIP":                {zip, encoded(" GZIP "), 200, "", 1},
		"gzip of nothing":     {zipped(t, ""), encoded("gzip"), 200, "", 0},
		"gzip, two members":   {zip + zipped(t, "cozy_a 1\n"), encoded("gzip"), 200, "", 1},
		"identity":            {good, encoded("identity"), 200, "", 1},
		"bad checksum":        {badSum, encoded("gzip"), 400, "damaged", 0},
		"cut off":             {zip[:len(zip)/2], encoded("gzip"), 400, "damaged", 0},
		"cut off, the header": {zip[:5], encoded("gzip"), 400, "damaged", 0},
		"nothing at all":      {"", encoded("gzip"), 400, "damaged", 0},
		"rubbish behind":      {zip + "rubbish", encoded("gzip"), 400, "damaged", 0},
		"not gzip":            {good, encoded("gzip"), 400, "damaged", 0},
		"zstd":                {good, encoded("zstd"), 415, "Content-Encoding", 0},
		"br":                  {good, encoded("br"), 415, "Content-Encoding", 0},
		"deflate":             {good, encoded("deflate"), 415, "Content-Encoding", 0},
		"gzip in gzip":        {zip, encoded("gzip, gzip"), 415, "Content-Encoding", 0},
		"at the limit":        {zipped(t, padded(4096)), encoded("gzip"), 200, "", 1},
		"one over":            {zipped(t, padded(4097)), encoded("gzip"), 413, "larger than 4096 bytes", 0},
		"bomb, 1000 to 1":     {zipped(t, padded(4<<20)), encoded("gzip"), 413, "larger than 4096 bytes", 0},
		"packed over":         {strings.Repeat("x", 4097), encoded("gzip"), 413, "larger than 4096 bytes", 0},
	})
}

// A packed report is the same report.
func TestS7GzipIsAsPlain(t *testing.T) {
	recorder := &memory{}
	server := newServer(t, recorder, Config{Lines: forward.AppendLines})
	body := string(fullReport(t))
	post(t, server.URL, body, "X-Cluster-ID", "c1")
	post(t, server.URL, zipped(t, body), "X-Cluster-ID", "c1", "Content-Encoding", "gzip")
	if len(recorder.lines) != 2 || recorder.lines[0] != recorder.lines[1] || len(recorder.reports[0].Samples) != 58 {
		t.Errorf("%d reports, of %d samples", len(recorder.lines), len(recorder.reports[0].Samples))
	}
}

// One report has no more series than its limit, whatever they are called.
func TestS11KindsOfAReport(t *testing.T) {
	series := map[string]func(i int) rollup.Series{
		"kinds": func(i int) rollup.Series {
			return rollup.NewSeries("cozy_application_count", []rollup.Label{{Name: "kind", Value: fmt.Sprint("Kind", i)}})
		},
		"kernels": func(i int) rollup.Series {
			return rollup.NewSeries("cozy_nodes_count", []rollup.Label{{Name: "kernel", Value: fmt.Sprint("6.", i)}})
		},
		"metrics": func(i int) rollup.Series { return rollup.NewSeries(fmt.Sprint("cozy_", i), nil) },
	}
	for name, nth := range series {
		for n, want := range map[int]int{5000: 200, 5001: 413, 10_000: 413} {
			var body strings.Builder
			for i := range n {
				fmt.Fprintf(&body, "%s 1\n", nth(i))
			}
			recorder := &memory{}
			server := newServer(t, recorder, Config{})
			resp, text := post(t, server.URL, body.String(), "X-Cluster-ID", "c1")
			if stored := len(recorder.reports); resp.StatusCode != want || stored != 0 != (want == 200) {
				t.Errorf("%d %s: %d %s, %d stored", n, name, resp.StatusCode, text, stored)
			}
		}
	}
}
