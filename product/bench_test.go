package product_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func BenchmarkSynapse(b *testing.B) {
	benchmark(b, synapse.Product(), fixtureBody(b, synapse.Product(), "synapse"), 27)
}

// A report of Coroot has two profiles, here of 400 kB each.
func BenchmarkCoroot(b *testing.B) {
	body := fixtureBody(b, coroot.Product(), "coroot")
	profile := []byte(strings.Repeat("H4sIAAAA", 50_000))
	benchmark(b, coroot.Product(), bytes.ReplaceAll(body, []byte("H4sIAAAAAAAA/w=="), profile), 44)
}

func fixtureBody(t testing.TB, p product.Product, name string) []byte {
	for _, f := range fixtures(t, p) {
		if f.name == name {
			return f.body
		}
	}
	t.Fatalf("no fixture %s", name)
	return nil
}

func benchmark(b *testing.B, p product.Product, body []byte, atLeast int) {
	decoder, err := product.NewDecoder(p, false)
	if err != nil {
		b.Fatal(err)
	}
	var samples []rollup.Sample
	agent := func(string) string { return "Synapse/1.157.1" }
	for name, decode := range map[string]func() (product.Report, error){
		"memory": func() (product.Report, error) { return decoder.Decode(samples[:0], body, agent) },
		"stream": func() (product.Report, error) {
			return decoder.DecodeFrom(samples[:0], io.Reader(bytes.NewReader(body)), agent)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				report, err := decode()
				if err != nil || len(report.Samples) < atLeast {
					b.Fatal(len(report.Samples), err)
				}
				samples = report.Samples
			}
		})
	}
}
