package product_test

import (
	"maps"
	"testing"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
)

type counts = map[string]int64

func TestFoldSmall(t *testing.T) {
	for name, c := range map[string]struct {
		in    counts
		least int64
		want  counts
	}{
		"none is small":            {counts{"a": 5, "b": 9}, 5, counts{"a": 5, "b": 9}},
		"none at all":              {counts{}, 5, counts{}},
		"no bound":                 {counts{"a": 1, "other": 1}, 0, counts{"a": 1, "other": 1}},
		"small ones together":      {counts{"a": 3, "b": 2, "c": 9}, 5, counts{"other": 5, "c": 9}},
		"the next joins":           {counts{"a": 2, "b": 9, "c": 20}, 5, counts{"other": 11, "c": 20}},
		"of equal ones by name":    {counts{"a": 1, "c": 9, "b": 9}, 5, counts{"other": 10, "c": 9}},
		"other is there":           {counts{"a": 2, "other": 3, "b": 9}, 5, counts{"other": 5, "b": 9}},
		"other alone is small":     {counts{"other": 2, "b": 9, "c": 10}, 5, counts{"other": 11, "c": 10}},
		"other is large":           {counts{"other": 7, "b": 9}, 5, counts{"other": 7, "b": 9}},
		"two, one of them small":   {counts{"a": 2, "b": 97}, 5, counts{"other": 99}},
		"all together are small":   {counts{"a": 2, "b": 1}, 5, counts{}},
		"one instance of a single": {counts{"a": 1}, 5, counts{}},
	} {
		in := maps.Clone(c.in)
		if got := product.FoldSmall(c.in, c.least); !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
		if !maps.Equal(in, c.in) {
			t.Errorf("%s: what was given has changed", name)
		}
	}
}

// Nobody learns of fewer than asked for, not even by taking what is shown from the total.
func TestFoldSmallLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c", "d", "e", product.Other}), rapid.Int64Range(1, 12)).Draw(t, "in")
		least := rapid.Int64Range(0, 10).Draw(t, "least")
		out := product.FoldSmall(in, least)
		var before, after int64
		for _, n := range in {
			before += n
		}
		for value, n := range out {
			after += n
			if n < least {
				t.Fatalf("%s has %d", value, n)
			}
			if value != product.Other && n != in[value] {
				t.Fatalf("%s was %d and is %d", value, in[value], n)
			}
		}
		if after != before && (after != 0 || before >= least) {
			t.Fatalf("%d of %d are left: %v of %v", after, before, out, in)
		}
		if again := product.FoldSmall(out, least); !maps.Equal(again, out) {
			t.Fatalf("folded again: %v, then %v", out, again)
		}
	})
}

func TestPublic(t *testing.T) {
	p := coroot.Product()
	figures := product.Figures{
		Instances: 100,
		Days:      31,
		Metrics:   metrics{"nodes": 7, "fluxcd_percent": 3, "argocd_percent": 40, "pyroscope_percent": 0},
		Shares: shares{
			"clouds": {"aws": 90, "ovh": 2, "ibm": 4}, "fluxcd": {"yes": 3, "no": 97}, "argocd": {"yes": 40, "no": 60}, "pyroscope": {"no": 100},
		},
	}
	got := p.Public(figures, 5)
	if want := (metrics{"nodes": 7, "argocd_percent": 40, "pyroscope_percent": 0}); !maps.Equal(got.Metrics, want) {
		t.Errorf("metrics are %v", got.Metrics)
	}
	for name, want := range (shares{"clouds": {"aws": 90, "other": 6}, "argocd": {"yes": 40, "no": 60}, "pyroscope": {"no": 100}}) {
		if !maps.Equal(got.Shares[name], want) {
			t.Errorf("%s are %v, want %v", name, got.Shares[name], want)
		}
	}
	if _, there := got.Shares["fluxcd"]; there || len(figures.Shares["fluxcd"]) != 2 || len(figures.Metrics) != 4 {
		t.Errorf("fluxcd is %v, was %v", got.Shares["fluxcd"], figures.Shares["fluxcd"])
	}
}

// One installation makes a session on each day, so what five of them make is more.
func TestPublicSessions(t *testing.T) {
	figures := product.Figures{Days: 30, Shares: shares{"version": {"1.5.0": 300, "1.6.0": 149, "1.4.0": 60, "dev": 1}}}
	got := kubeatlas.Product().Public(figures, 5)
	if want := (counts{"1.5.0": 300, "other": 210}); !maps.Equal(got.Shares["version"], want) {
		t.Errorf("versions are %v", got.Shares["version"])
	}
}
