package e2e

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/others"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// takeAll lets a server take the reports of all products, and show all shares.
var takeAll = []string{"--products=cozystack,synapse,coroot,kubeatlas", "--min-share=1", "--limits=off"}

// productAnswer is what the overview says of a product.
type productAnswer struct {
	Product string
	Periods map[string]struct {
		others.Figures
		Source rollup.Source
		Months int
	}
}

// productOverview asks for what a month shows of a product.
func (p *process) productOverview(t *testing.T, product string, id rollup.MonthID, more string) (answer productAnswer) {
	t.Helper()
	getJSON(t, p.Public+id.Start().Format("/api/overview?year=2006&month=1")+"&product="+product+more, &answer)
	return answer
}

// Months of Synapse, Coroot and KubeAtlas beside Cozystack's clusters, up to now: a server
// on that file shows the simulation's figures of each month, and of quarter and year.
func TestOtherProductsHistory(t *testing.T) {
	t.Parallel()
	dir, this, now := t.TempDir(), thisMonth(), time.Now()
	made, err := load.DB(t.Context(), load.DBOptions{
		Path: filepath.Join(dir, "telemetry.db"), From: this - 2, To: this, Every: 12 * time.Hour, Now: func() time.Time { return now },
		Fleet: fleet.Config{Clusters: 20, UpgradeShare: 0.5}, Products: map[string]int{others.Synapse: 100 / raceRepeats, others.Coroot: 60 / raceRepeats, others.KubeAtlas: 40 / raceRepeats},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := startServer(t, dir, takeAll...)
	compared := 0
	check := func(what string, got, want others.Figures) {
		t.Helper()
		got.Days = want.Days // an answer does not say it
		for _, text := range want.Differences(got) {
			t.Errorf("%s: %s", what, text)
		}
		compared += want.Len()
	}
	for id := this - 2; id <= this; id++ {
		for product, truth := range made.Products {
			want := truth.Figures(id.Start(), id.Start())
			if want.Instances == 0 {
				continue // the month has just begun
			}
			first, aggregate := this-2, "&aggregate=distinct"
			if product == others.KubeAtlas {
				aggregate = ""
				if id.Start().Before(now.AddDate(0, 0, -89)) {
					continue // the first of its days are gone
				}
			}
			answer := server.productOverview(t, product, id, aggregate)
			month := answer.Periods["month"]
			check(fmt.Sprintf("%s, %s", product, id), month.Figures, want)
			if answer.Product != product || month.Source != rollup.SourceRollups {
				t.Errorf("%s, %s: of %q, from %s", product, id, answer.Product, month.Source)
			}
			if product == others.KubeAtlas {
				continue
			}
			for _, period := range []string{"quarter", "year"} {
				check(fmt.Sprintf("%s, the %s to %s", product, period, id), answer.Periods[period].Figures, truth.Figures(first.Start(), id.Start()))
			}
		}
		if got, want := server.overview(t, id), made.Months[id]; got.Clusters != want.Clusters || got.TotalNodes != want.TotalNodes {
			t.Errorf("%s: %v, in truth %+v", id, got, want.Figures)
		}
	}
	t.Logf("%d figures are the truth", compared)
}
