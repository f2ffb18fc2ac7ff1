package ingest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
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

var goodID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,253}$`)

// headerSeeds are blocks of header lines.
var headerSeeds = []string{
	"X-Cluster-ID: a", "", "X-Cluster-ID:", "X-Cluster-ID: a\r\nX-Cluster-ID: a", "X-Cluster-ID: a\r\nX-Cluster-ID: b",
	"X-Cluster-ID:\r\nX-Cluster-ID: a", "x-cluster-id: 01234567-89ab-cdef-0123-456789abcdef", "X-Cluster-ID: a b", "X-Cluster-ID: a\"}",
	"X-Cluster-ID: a, a", "X-Cluster-ID: \xff", "X-Cluster-ID: a\x00", "X-Cluster-ID: " + strings.Repeat("a", 253), "X-Cluster-ID: " + strings.Repeat("a", 254),
	"X-Cluster-ID: a\r\n b", "X_Cluster_ID: a", "X-Cluster-ID: a\r\nContent-Encoding: gzip", "X-Cluster-ID: a\r\nContent-Encoding:  GZIP ",
	"X-Cluster-ID: a\r\nContent-Encoding: identity", "X-Cluster-ID: a\r\nContent-Encoding: br", "X-Cluster-ID: a\r\nContent-Encoding: gzip, gzip",
	"X-Cluster-ID: a\r\nContent-Encoding: identity\r\nContent-Encoding: gzip", "X-Cluster-ID: a\r\nContent-Length: 5", "X-Cluster-ID: a\r\nContent-Length: 5000",
	"X-Cluster-ID: a\r\nContent-Length: 99999999999999999999", "X-Cluster-ID: a\r\nContent-Length: -1", "X-Cluster-ID: a\r\nTransfer-Encoding: chunked",
	"X-Cluster-ID: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3", "X-Cluster-ID: a\r\nX-Forwarded-For: 1.2.3.4, ::1", "X-Cluster-ID: a\r\nExpect: 100-continue",
}

// handlerLimits are small, so that inputs meet them, but let real reports pass.
var handlerLimits = Limits{BodyBytes: 8 << 10, Samples: 80, Labels: 6, LabelBytes: 64}

// FuzzHandler sends requests, as bytes of the wire, through the whole handler. It
// answers what an independent reading of the request says, with a status that is
// documented. What it records and forwards is exactly the input's samples, under
// the sender's id, and reading the forwarded text gives them again.
func FuzzHandler(f *testing.F) {
	for _, head := range headerSeeds {
		f.Add([]byte(head), []byte("cozy_nodes_count{k=\"1\"} 1\ncozy_nodes_count 2"))
	}
	for _, body := range scanSeeds {
		f.Add([]byte(headerSeeds[0]), []byte(body))
	}
	for _, body := range payloads(f) {
		f.Add([]byte(headerSeeds[0]), body)
		f.Add([]byte(headerSeeds[16]), pack(f, body))
	}
	bomb := pack(f, make([]byte, 64<<10))
	for _, body := range [][]byte{pack(f, []byte("cozy_a 1")), bomb, bomb[:len(bomb)/2], append(pack(f, []byte("cozy_a 1\n")), pack(f, []byte("cozy_b{x=\"\\n\"} 2"))...)} {
		f.Add([]byte(headerSeeds[16]), body)
	}
	for _, size := range []int64{handlerLimits.BodyBytes - 1, handlerLimits.BodyBytes, handlerLimits.BodyBytes + 1} {
		body := []byte("cozy_a 1\n#" + strings.Repeat("x", int(size)-len("cozy_a 1\n#")))
		f.Add([]byte(headerSeeds[0]), body)
		f.Add([]byte(headerSeeds[16]), pack(f, body))
	}
	f.Add([]byte("X-Cluster-ID: a\r\nTransfer-Encoding: chunked"), []byte("8\r\ncozy_a 1\r\n0\r\n\r\n"))

	recorder := &memory{}
	h, err := NewHandler(recorder, Config{Now: func() time.Time { return noon }, Lines: forward.AppendLines, Limits: handlerLimits})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, head, body []byte) {
		r, err := request(head, body)
		if err != nil {
			return // net/http's own refusal
		}
		again, err := request(head, body)
		if err != nil {
			t.Fatal(err)
		}
		id, samples, status := readIndependently(again, handlerLimits.withDefaults())
		recorder.reports, recorder.lines = nil, nil
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != status {
			t.Fatalf("answer %d %q, want %d", w.Code, w.Body, status)
		}
		if status != http.StatusOK {
			checkRefused(t, w)
		}
		if len(samples) == 0 {
			if len(recorder.reports) != 0 {
				t.Fatalf("recorded %+v", recorder.reports)
			}
			return
		}
		if w.Body.Len() != 0 || len(recorder.reports) != 1 || recorder.reports[0].Instance != id || !recorder.reports[0].Received.Equal(noon) {
			t.Fatalf("answer %q, recorded %+v", w.Body, recorder.reports)
		}
		got := recorder.reports[0].Samples
		nodes := sumOfNodes(got)
		sortSamples(got)
		if !slices.EqualFunc(got, samples, same) {
			t.Fatalf("recorded %v, want %v", got, samples)
		}
		checkLines(t, recorder.lines[0], id, got, nodes)
	})
}

// request reads a request as a server does.
func request(head, body []byte) (*http.Request, error) {
	var wire bytes.Buffer
	wire.WriteString("POST / HTTP/1.1\r\nHost: x\r\n")
	if len(head) > 0 {
		wire.Write(head)
		wire.WriteString("\r\n")
	}
	if lower := bytes.ToLower(head); !bytes.Contains(lower, []byte("content-length")) && !bytes.Contains(lower, []byte("transfer-encoding")) {
		wire.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	wire.WriteString("\r\n")
	wire.Write(body)
	return http.ReadRequest(bufio.NewReader(&wire))
}

// readIndependently says what a request is to be answered with, and what its
// samples are if that is 200.
func readIndependently(r *http.Request, limits Limits) (id string, samples []rollup.Sample, status int) {
	ids := slices.Compact(slices.Clone(r.Header["X-Cluster-Id"]))
	if len(ids) != 1 || !goodID.MatchString(ids[0]) {
		return "", nil, http.StatusBadRequest
	}
	encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	if !slices.Contains([]string{"", "identity", "gzip"}, encoding) {
		return "", nil, http.StatusUnsupportedMediaType
	}
	if r.ContentLength > limits.BodyBytes {
		return "", nil, http.StatusRequestEntityTooLarge
	}
	body, status := readAll(r.Body, limits.BodyBytes)
	if status == http.StatusOK && encoding == "gzip" {
		zip, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return "", nil, http.StatusBadRequest
		}
		body, status = readAll(zip, limits.BodyBytes)
	}
	if status != http.StatusOK {
		return "", nil, status
	}
	samples, _, err := parseOracle(body, limits)
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return "", nil, refusal.Status
	}
	return ids[0], samples, http.StatusOK
}

// readAll reads up to the bound. What is above it and broken too is too large.
func readAll(r io.Reader, bound int64) ([]byte, int) {
	body, err := io.ReadAll(io.LimitReader(r, bound+1))
	switch {
	case int64(len(body)) > bound:
		return nil, http.StatusRequestEntityTooLarge
	case err != nil:
		return nil, http.StatusBadRequest
	}
	return body, http.StatusOK
}

// checkRefused holds an answer to the form of refusals.
func checkRefused(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var answer map[string]string
	err := json.Unmarshal(w.Body.Bytes(), &answer)
	documented := []int{http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType}
	closes := w.Header().Get("Connection") == "close"
	if err != nil || len(answer) != 1 || answer["error"] == "" || !strings.HasSuffix(w.Body.String(), "}\n") ||
		!slices.Contains(documented, w.Code) || closes != (w.Code == http.StatusRequestEntityTooLarge) ||
		!strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
		t.Fatalf("refused with %d %q, %v", w.Code, w.Body, w.Header())
	}
}

func sumOfNodes(samples []rollup.Sample) (sum float64) {
	sum = math.NaN()
	for _, s := range samples {
		if s.Series.Metric() == rollup.MetricNodes {
			if math.IsNaN(sum) {
				sum = 0
			}
			sum = min(sum+s.Value, rollup.MaxValue)
		}
	}
	return sum
}

// checkLines reads forwarded text with expfmt, line by line: the samples, with
// the sender's id and the time of receipt, and behind them the derived series if
// nodes is a number. Nothing else.
func checkLines(t *testing.T, text, id string, samples []rollup.Sample, nodes float64) {
	t.Helper()
	var got []rollup.Sample
	derived := math.NaN()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	for line := range strings.Lines(text) {
		if !math.IsNaN(derived) {
			t.Fatalf("a line behind the derived one: %q", text)
		}
		metric, m, err := oracleLine(&parser, []byte(strings.TrimSuffix(line, "\n")))
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if m.GetTimestampMs() != noon.UnixMilli() || m.Label[0].GetName() != rollup.LabelCluster || m.Label[0].GetValue() != id {
			t.Fatalf("%q is not of %s at %s", line, id, noon)
		}
		var labels []rollup.Label
		for _, l := range m.Label[1:] {
			labels = append(labels, rollup.Label{Name: l.GetName(), Value: l.GetValue()})
		}
		if slices.ContainsFunc(labels, func(l rollup.Label) bool { return l.Name == rollup.LabelCluster }) {
			t.Fatalf("%q has two ids", line)
		}
		value := m.GetUntyped().GetValue()
		if metric == rollup.MetricClusterNodes {
			derived = value
			continue
		}
		got = append(got, rollup.Sample{Series: rollup.NewSeries(metric, labels), Value: value})
	}
	sortSamples(got)
	if !slices.EqualFunc(got, samples, same) {
		t.Fatalf("%q\nis %v, want %v", text, got, samples)
	}
	if math.Float64bits(derived) != math.Float64bits(nodes) && !(math.IsNaN(derived) && math.IsNaN(nodes)) {
		t.Fatalf("%q\nhas %v nodes, want %v", text, derived, nodes)
	}
}

// FuzzHeader gives the handler's readers values that no server would let through.
// An id is taken only if it can stand in a line without an escape, and comes
// through a proxy as it was.
func FuzzHeader(f *testing.F) {
	for _, value := range []string{"", "a", "A-b_c.9", "a b", "a\n", "\n", "a\"", "é", "\xff", "a\x00", strings.Repeat("a", 253), strings.Repeat("a", 254)} {
		f.Add(value, value, "gzip")
		f.Add(value, "a", "identity, gzip")
		f.Add("a", value, value)
	}
	f.Fuzz(func(t *testing.T, first, second, encoding string) {
		h := http.Header{"X-Cluster-Id": {first, second}}
		id, err := clusterID(h)
		if want := first == second && goodID.MatchString(first); (err == nil) != want {
			t.Fatalf("%q and %q: id %q, %v", first, second, id, err)
		}
		if err == nil {
			checkProxied(t, h, id)
		}
		var refusal *Refusal
		if err != nil && (!errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest ||
			len(first) > 20 && strings.Contains(refusal.Text, first)) {
			t.Fatalf("%q and %q: %v", first, second, err)
		}

		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("cozy_a 1\n"))
		r.Header["Content-Encoding"] = []string{encoding}
		err = (&bodyReader{max: handlerLimits.BodyBytes}).read(r, new(buffers))
		status := http.StatusOK
		if errors.As(err, &refusal) {
			status = refusal.Status
		}
		want := http.StatusUnsupportedMediaType
		switch strings.ToLower(strings.TrimSpace(encoding)) {
		case "", "identity":
			want = http.StatusOK
		case "gzip":
			want = http.StatusBadRequest // the body is plain
		}
		if status != want {
			t.Fatalf("%q: %v, want %d", encoding, err, want)
		}
	})
}

// checkProxied writes headers and reads them again.
func checkProxied(t *testing.T, h http.Header, id string) {
	t.Helper()
	var wire bytes.Buffer
	if err := h.Write(&wire); err != nil {
		t.Fatal(err)
	}
	wire.WriteString("\r\n")
	read, err := textproto.NewReader(bufio.NewReader(&wire)).ReadMIMEHeader()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := clusterID(http.Header(read)); err != nil || again != id {
		t.Fatalf("%q became %q, %v", id, again, err)
	}
}

// payloads returns the reports of real clients.
func payloads(t testing.TB) (all [][]byte) {
	t.Helper()
	for _, pattern := range []string{"../testdata/*.prom", "testdata/*.prom"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			body, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, body)
		}
	}
	return all
}

func pack(t testing.TB, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
