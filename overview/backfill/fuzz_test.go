package backfill

import (
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Whatever an answer has in it, it is an error or makes days that are whole.
func FuzzReadLines(f *testing.F) {
	noon := at(12 * time.Hour)
	f.Add(exportLine(`cozy_nodes_count{kernel="6.6"}`, []string{"1", "+Inf", "null"}, []int64{noon, noon + 1, noon + 2}))
	f.Add(exportLine("cozy_a", []string{"1"}, []int64{noon}) + exportLine(rollup.MetricClusterNodes, []string{"3"}, []int64{noon}))
	f.Add("\n{}\nerror")
	f.Fuzz(func(t *testing.T, text string) {
		fold := newFold(anything{}, []string{"c"}, march, march.Add(24*time.Hour), 1000)
		if readLines(strings.NewReader(text), fold) != nil {
			return
		}
		for _, d := range fold.days() {
			sums := make(map[string]bool)
			for _, s := range d.Day.Sums {
				sums[s.Metric] = true
			}
			for _, p := range d.Day.Points {
				if !sums[p.Series.Metric()] || p.Peak < p.Last || p.Hour > d.Day.Last || p.Hour < d.Day.First {
					t.Errorf("%+v", d.Day)
				}
			}
		}
	})
}
