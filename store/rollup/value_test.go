package rollup

import (
	"math"
	"testing"
)

func TestParseValue(t *testing.T) {
	for text, want := range map[string]float64{"0": 0, "-0": 0, "-0.0": 0, "1.5": 1.5, "1e3": 1000, "9007199254740992": MaxValue, "1e-400": 0} {
		if v, ok := ParseValue(text); !ok || math.Float64bits(v) != math.Float64bits(want) { // -0 is not 0
			t.Errorf("%s: %v, %v", text, v, ok)
		}
	}
	for _, text := range []string{"", "x", "1 ", "-1", "-1e-300", "NaN", "Inf", "-Inf", "1e309", "9007199254740994"} {
		if v, ok := ParseValue(text); ok || v != 0 {
			t.Errorf("%q is taken for %v", text, v)
		}
	}
}
