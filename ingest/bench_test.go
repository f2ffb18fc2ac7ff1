package ingest

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/ingest/forward"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fullReport is a large report of a real client: 58 lines.
func fullReport(tb testing.TB) []byte {
	tb.Helper()
	body, err := os.ReadFile("testdata/full-operator.prom")
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// BenchmarkParse parses a full report: with expfmt alone, with a parser that
// knows nothing yet, with one that knows the series, and with one that knows
// them but meets them in another order each time.
func BenchmarkParse(b *testing.B) {
	body := fullReport(b)
	b.Run("expfmt", func(b *testing.B) {
		measure(b, body, func() error { _, _, err := parseOracle(body, Limits{}); return err })
	})
	b.Run("cold", func(b *testing.B) {
		measure(b, body, func() error { _, _, err := NewParser(Limits{}, 1).Parse(nil, body); return err })
	})
	parser := NewParser(Limits{}, 1)
	var samples []rollup.Sample
	b.Run("warm", func(b *testing.B) {
		measure(b, body, func() (err error) { samples, _, err = parser.Parse(samples, body); return err })
	})
	shuffled := shuffles(body)
	b.Run("shuffled", func(b *testing.B) {
		i := 0
		measure(b, body, func() (err error) {
			i++
			samples, _, err = parser.Parse(samples, shuffled[i%len(shuffled)])
			return err
		})
	})
}

// shuffles returns a report with its lines in many orders, the same each time.
func shuffles(body []byte) [][]byte {
	random := rand.New(rand.NewPCG(1, 2))
	lines := bytes.SplitAfter(bytes.TrimSuffix(body, []byte("\n")), []byte("\n"))
	lines[len(lines)-1] = append(slices.Clone(lines[len(lines)-1]), '\n')
	all := make([][]byte, 97)
	for i := range all {
		random.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		all[i] = bytes.Join(lines, nil)
	}
	return all
}

func measure(b *testing.B, body []byte, fn func() error) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := fn(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkParseAndLines does all that a report costs between its body and the
// recorder.
func BenchmarkParseAndLines(b *testing.B) {
	body := fullReport(b)
	parser := NewParser(Limits{}, 1)
	report := rollup.Report{Instance: "5f2d0c3e-77e0-4d0f-9f0a-1d8b6f0b9a11", Received: noon}
	var lines []byte
	measure(b, body, func() (err error) {
		report.Samples, _, err = parser.Parse(report.Samples, body)
		lines = forward.AppendLines(lines[:0], report)
		return err
	})
}

// discard is a Recorder that keeps nothing.
type discard struct{}

func (discard) Record(context.Context, rollup.Report, []byte) error { return nil }
func (discard) Known(string, string, time.Time) (bool, error)       { return true, nil }

// BenchmarkPost carries a full report through the handler, without a network and
// without a disk.
func BenchmarkPost(b *testing.B) {
	body := fullReport(b)
	h, err := NewHandler(discard{}, Config{Now: func() time.Time { return noon }, Lines: forward.AppendLines})
	if err != nil {
		b.Fatal(err)
	}
	reader := bytes.NewReader(body)
	req := httptest.NewRequest(http.MethodPost, "/", reader)
	req.Header.Set("X-Cluster-Id", "5f2d0c3e-77e0-4d0f-9f0a-1d8b6f0b9a11")
	answer := httptest.NewRecorder()
	measure(b, body, func() error {
		reader.Reset(body)
		h.ServeHTTP(answer, req)
		return nil
	})
	if answer.Code != http.StatusOK {
		b.Fatal(answer.Code)
	}
}
