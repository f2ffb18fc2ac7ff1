package rollup_test

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The order of a report's samples does not matter, and FromReport leaves it.
func TestFromReportTakesAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rollup.Report{Received: day0, Samples: samples().Draw(t, "samples")}
		want := rollup.FromReport(r)
		r.Samples = rapid.Permutation(r.Samples).Draw(t, "shuffled")
		before := slices.Clone(r.Samples)
		if got := rollup.FromReport(r); !reflect.DeepEqual(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if !slices.Equal(r.Samples, before) {
			t.Fatal("the report was changed")
		}
	})
}
