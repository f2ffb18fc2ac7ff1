package overview

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// TestProductSharesCanNotBeSubtracted asks for all that can be asked of a few months, as
// anybody may, and tries to learn of few instances: in an answer, from the total or from
// the coarser figure; and between answers, by a value that one of them hides and another
// one, of a window with that month, names.
func TestProductSharesCanNotBeSubtracted(t *testing.T) {
	const least = 4
	hides := 0
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 7))
		r := newProductRig(t, "2026-05-20T12", least)
		for i := range 60 {
			for month := 1; month <= 4; month++ {
				if rng.IntN(3) > 0 {
					version := fmt.Sprintf("1.%d.0", min(9, rng.IntN(4)+rng.IntN(month+1)))
					r.synapses(fmt.Sprintf("2026-%02d-03T%02d", month, rng.IntN(24)), version, i, 1)
				}
			}
		}
		r.round()
		shown := make(map[window]published.ProductPeriod)    // what is published of a window counted as one
		averages := make(map[window]published.ProductPeriod) // and as a mean
		for month := 1; month <= 4; month++ {
			id := rollup.NewMonth(2026, time.Month(month))
			for a, all := range map[Aggregate]map[window]published.ProductPeriod{Distinct: shown, Average: averages} {
				p := r.ask("synapse", id.String(), a).Periods
				all[lastMonths(id, 1)], all[lastMonths(id, 3)], all[lastMonths(id, 12)] = p.Month, p.Quarter, p.Year
			}
		}
		for w, p := range shown {
			checkShares(t, p, least)
			for id := w.from; id <= w.to; id++ {
				stored := r.stored("synapse", id.String())
				for figure, counts := range stored.Shares {
					for value := range counts {
						_, inMonth := shown[window{id, id}].Shares[figure][value]
						if _, inWindow := p.Shares[figure][value]; inWindow && !inMonth {
							t.Errorf("%s is hidden in %s and shown in %s", value, id, p.Label)
						}
						if !inMonth {
							hides++
						}
					}
				}
			}
		}
		// A mean is made of nothing but what its months show.
		for w, p := range averages {
			var months []product.Figures
			for id := w.from; id <= w.to; id++ {
				if m, ok := averages[window{id, id}]; ok {
					months = append(months, product.Figures{Instances: m.Instances, Metrics: m.Metrics, Shares: m.Shares})
				}
			}
			want := product.Mean(months)
			for figure, counts := range p.Shares {
				for value, n := range counts {
					if n < least || value != product.Other && n != want.Shares[figure][value] {
						t.Errorf("the mean of %s has %d of %s, its months %v", p.Label, n, value, want.Shares[figure])
					}
				}
			}
		}
	}
	if hides == 0 {
		t.Error("nothing was ever hidden: the test tests nothing")
	}
}

// checkShares holds that no share of an answer, nor what is left of its total, is small.
func checkShares(t *testing.T, p published.ProductPeriod, least int64) {
	t.Helper()
	for figure, counts := range p.Shares {
		if figure != "server" && figure != "version" && figure != "homeservers" {
			continue // no Synapse of this test has others
		}
		rest := p.Instances
		for value, n := range counts {
			if n < least {
				t.Errorf("%s: %d of %s", p.Label, n, value)
			}
			if value != product.Other {
				rest -= n
			}
		}
		if 0 < rest && rest < least {
			t.Errorf("%s: of %d instances %d are left by %v", p.Label, p.Instances, rest, counts)
		}
	}
}
