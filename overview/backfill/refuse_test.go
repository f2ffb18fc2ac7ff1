package backfill

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// atMost are rules with a bound on the sum of a report.
type atMost struct {
	anything
	sum float64
}

func (a atMost) Report(samples []rollup.Sample) (why string) {
	var sum float64
	for _, s := range samples {
		sum += s.Value
	}
	if sum > a.sum {
		return "much"
	}
	return ""
}

// A report that would have been refused is left out whole, with what came some
// milliseconds before and after it; the others are kept. Series that only their
// day's peaks bring above a bound are no reason.
func TestRefusedReports(t *testing.T) {
	one, two := rollup.Series(`cozy_nodes_count{kernel="6.6"}`), rollup.Series(`cozy_nodes_count{kernel="6.12"}`)
	second := int64(1000)
	morning, noon, night := at(8*time.Hour), at(12*time.Hour), at(20*time.Hour)
	f := newFold(atMost{sum: 10}, []string{"c"}, march, march.Add(24*time.Hour), 1e6)
	for _, l := range []struct {
		series rollup.Series
		values []string
		stamps []int64
	}{
		{one, []string{"9", "6", "1"}, []int64{morning, noon, night}},
		{two, []string{"9", "5"}, []int64{morning + second, noon + 5}}, // 18 in the morning, of two reports
		{rollup.MetricInfo, []string{"1", "1", "1", "1"}, []int64{noon - 5, noon + 999, noon + second, night}},
		{rollup.MetricClusterNodes, []string{"1", "11"}, []int64{morning, night + 3}},
		{"cozy_a", []string{"7", "2"}, []int64{noon + 3, noon + 2*second}},
	} {
		parsed, err := parseLine([]byte(exportLine(l.series, l.values, l.stamps)))
		if err == nil {
			err = f.add(parsed)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	want := rollup.Day{First: 8, Last: 12, Points: []rollup.Point{
		{Series: "cozy_a", Peak: 2, Last: 2, Hour: 12},
		{Series: rollup.MetricInfo, Peak: 1, Last: 1, Hour: 12},
		{Series: two, Peak: 9, Last: 9, Hour: 8}, {Series: one, Peak: 9, Last: 9, Hour: 8},
	}, Sums: []rollup.Sum{{Metric: "cozy_a", Peak: 2}, {Metric: rollup.MetricInfo, Peak: 1}, {Metric: rollup.MetricNodes, Peak: 9}}}
	days := f.days()
	if len(days) != 1 || !reflect.DeepEqual(days[0].Day, want) {
		t.Errorf("got %+v", days)
	}
	if !maps.Equal(f.skipped, Skipped{"much": 8}) || f.samples != 5 {
		t.Errorf("%d taken, skipped %v", f.samples, f.skipped)
	}
}
