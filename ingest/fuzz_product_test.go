package ingest

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// FuzzHandlerOfProducts sends bodies through the whole handler of a product, as they are and
// behind so many blanks that they are decoded as they come. Both are answered as the decoder
// says of the body in memory. What is recorded and forwarded is what it has decoded, under
// the hash of the name.
func FuzzHandlerOfProducts(f *testing.F) {
	tables := []product.Product{synapse.Product(), coroot.Product(), kubeatlas.Product()}
	for i, table := range tables {
		for _, fixture := range productFixtures(f, table) {
			f.Add(uint8(i), fixture.agent, []byte(fixture.body))
		}
	}
	const limit = 3 * ownBytes
	recorder := &memory{}
	var handlers []*Handler
	var decoders []*product.Decoder
	for _, table := range tables {
		handlers = append(handlers, newProductHandler(f, recorder, Config{Limits: Limits{BodyBytes: limit}}, table))
		decoder, err := product.NewDecoder(table, false)
		if err != nil {
			f.Fatal(err)
		}
		decoders = append(decoders, decoder)
	}
	f.Fuzz(func(t *testing.T, of uint8, agent string, body []byte) {
		i := int(of) % len(tables)
		for _, blanks := range []int{0, 2 * ownBytes} {
			body := append(bytes.Repeat([]byte{' '}, blanks), body...)
			r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
			r.Header["User-Agent"] = []string{agent}
			want, err := decoders[i].Decode(nil, body, r.Header.Get)
			recorder.reports, recorder.lines = nil, nil
			answer := httptest.NewRecorder()
			handlers[i].ServeHTTP(answer, r)
			var refused *product.Error
			switch {
			case len(body) > limit:
				// What is no report before it is too large may be either.
				if answer.Code != http.StatusRequestEntityTooLarge && err == nil || answer.Code == http.StatusOK {
					t.Fatalf("%d bytes: %d %s", len(body), answer.Code, answer.Body)
				}
			case errors.As(err, &refused):
				if checkRefused(t, answer); answer.Code != http.StatusBadRequest || len(recorder.reports) > 0 {
					t.Fatalf("%v: %d %s", refused, answer.Code, answer.Body)
				}
			default:
				if answer.Code != http.StatusOK || answer.Body.String() != "{}" || len(recorder.reports) != 1 {
					t.Fatalf("%d %s, recorded %v", answer.Code, answer.Body, recorder.reports)
				}
				checkRecorded(t, tables[i], want, recorder.reports[0], recorder.lines[0])
			}
			if !handlers[i].budget.free() {
				t.Fatal("something is left in the budget")
			}
			handlers[i].budget.giveBack()
		}
	})
}

// giveBack undoes what free takes.
func (bg *budget) giveBack() {
	bg.buffered.Release(bufferedBytes)
	bg.small.Release(smallBytes)
	bg.large.Release(4)
}

func checkRecorded(t *testing.T, table product.Product, want product.Report, r rollup.Report, lines string) {
	t.Helper()
	id, err := table.ID(fixedKeys{}, want.Name, rollup.DateOf(noon))
	if err != nil || r.Instance != id || !slices.Equal(r.Samples, want.Samples) {
		t.Fatalf("recorded %v, want %v of %q, %v", r, want.Samples, id, err)
	}
	if id == "" {
		if lines != "" {
			t.Fatalf("forwarded %q of nobody", lines)
		}
		return
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	n := 0
	for line := range strings.Lines(lines) {
		metric, m, err := oracleLine(&parser, []byte(strings.TrimSuffix(line, "\n")))
		if err != nil || m.Label[0].GetName() != "instance" || m.Label[0].GetValue() != id || m.GetTimestampMs() != r.Received.UnixMilli() {
			t.Fatalf("%q: %v", line, err)
		}
		var labels []rollup.Label
		for _, l := range m.Label[1:] {
			labels = append(labels, rollup.Label{Name: l.GetName(), Value: l.GetValue()})
		}
		if s := want.Samples[n]; rollup.NewSeries(metric, labels) != s.Series || m.GetUntyped().GetValue() != s.Value {
			t.Fatalf("%q is not %v", line, s)
		}
		n++
	}
	if n != len(want.Samples) {
		t.Fatalf("%d lines of %d samples", n, len(want.Samples))
	}
}
