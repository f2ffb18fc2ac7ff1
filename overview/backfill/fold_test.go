package backfill

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

var march = time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC)

// anything are rules that refuse no series and no report.
type anything struct{}

func (anything) Cluster(id string) bool                     { return !strings.Contains(id, "/") }
func (anything) Series(string, []rollup.Label) (why string) { return "" }
func (anything) Report([]rollup.Sample) (why string)        { return "" }

// exportLine writes samples of a series as VictoriaMetrics exports them.
func exportLine(series rollup.Series, values []string, stamps []int64) string {
	labels := []string{fmt.Sprintf("%q:%q", "__name__", series.Metric()), `"cluster_id":"c"`}
	for _, l := range series.Labels() {
		labels = append(labels, fmt.Sprintf("%q:%q", l.Name, l.Value))
	}
	times := strings.Trim(strings.ReplaceAll(fmt.Sprint(stamps), " ", ","), "[]")
	return fmt.Sprintf(`{"metric":{%s},"values":[%s],"timestamps":[%s]}`+"\n", strings.Join(labels, ","), strings.Join(values, ","), times)
}

// rebuilt returns the day that the lines of an export make of the cluster c.
func rebuilt(t interface{ Fatal(...any) }, lines ...string) (rollup.Day, *fold) {
	f := newFold(anything{}, []string{"c"}, march, march.Add(24*time.Hour), 1e6)
	if err := readLines(strings.NewReader(strings.Join(lines, "")), f); err != nil {
		t.Fatal(err)
	}
	days := f.days()
	if len(days) == 0 {
		return rollup.Day{}, f
	}
	return days[0].Day, f
}

func at(d time.Duration) int64 { return march.Add(d).UnixMilli() }

// Whatever a cluster has reported on a day, the export of its samples makes the
// day that the reports have made, in any order of lines and however often they
// come.
func TestRebuiltDayIsTheReports(t *testing.T) {
	series := []rollup.Series{
		"cozy_a", `cozy_a{x="1"}`, `cozy_a_b{y="\"\\"}`, `cozy_a{x="2"}`,
		`cozy_nodes_count{kernel="6.6"}`, `cozy_nodes_count{kernel="6.12"}`,
	}
	rapid.Check(t, func(t *rapid.T) {
		type key struct {
			series rollup.Series
			at     int64
		}
		var want rollup.Day
		samples := make(map[key]float64)
		hours := rapid.SliceOfNDistinct(rapid.IntRange(0, 24*60-1), 1, 12, rapid.ID).Draw(t, "minutes")
		for _, minute := range hours {
			received := march.Add(time.Duration(minute) * time.Minute)
			r := rollup.Report{Received: received}
			for _, s := range rapid.SliceOfNDistinct(rapid.SampledFrom(series), 1, len(series), rapid.ID).Draw(t, "series") {
				v := rapid.SampledFrom([]float64{0, 1, 2, 3, 0.1, 0.2, rollup.MaxValue}).Draw(t, "value")
				r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: v})
				samples[key{s, received.UnixMilli()}] = v
			}
			want = want.Merge(rollup.FromReport(r))
		}
		// VictoriaMetrics gives a series in several lines, and the parts of a report
		// some milliseconds apart.
		var lines []string
		keys := slices.SortedFunc(maps.Keys(samples), func(a, b key) int {
			return cmp.Or(cmp.Compare(a.series, b.series), cmp.Compare(a.at, b.at))
		})
		for _, k := range keys {
			late := rapid.Int64Range(0, 20).Draw(t, "late")
			line := exportLine(k.series, []string{fmt.Sprint(samples[k])}, []int64{k.at + late})
			lines = append(lines, slices.Repeat([]string{line}, rapid.IntRange(1, 2).Draw(t, "times"))...)
		}
		got, f := rebuilt(t, rapid.Permutation(lines).Draw(t, "lines")...)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got\n%+v, want\n%+v", got, want)
		}
		if len(f.skipped) != 0 || int(f.samples) != len(lines) {
			t.Fatalf("%d lines: %d samples, %v skipped", len(lines), f.samples, f.skipped)
		}
	})
}

// The sum that the server has forwarded is believed, for the report that it came
// with. It makes no metric of its own.
func TestDerivedSum(t *testing.T) {
	one, two := rollup.Series(`cozy_nodes_count{kernel="6.6"}`), rollup.Series(`cozy_nodes_count{kernel="6.12"}`)
	morning, noon := at(8*time.Hour), at(12*time.Hour)
	for name, tc := range map[string]struct {
		lines []string
		want  []rollup.Sum
	}{
		"beside a half of the report": {[]string{exportLine(one, []string{"2"}, []int64{morning}), exportLine(rollup.MetricClusterNodes, []string{"3"}, []int64{morning + 5})}, []rollup.Sum{{Metric: rollup.MetricNodes, Peak: 3}}},
		"of one report of two": {[]string{
			exportLine(one, []string{"2", "5"}, []int64{morning, noon}), exportLine(two, []string{"1"}, []int64{noon}),
			exportLine(rollup.MetricClusterNodes, []string{"2"}, []int64{morning}),
		}, []rollup.Sum{{Metric: rollup.MetricNodes, Peak: 6}}},
		"alone": {[]string{exportLine(rollup.MetricClusterNodes, []string{"3"}, []int64{morning})}, nil},
	} {
		if got, _ := rebuilt(t, tc.lines...); !reflect.DeepEqual(got.Sums, tc.want) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What no report may have is left out and counted; what is of another time or
// cluster is left out.
func TestSkippedSamples(t *testing.T) {
	noon := at(12 * time.Hour)
	stamps := func(n int) (s []int64) {
		for i := range n {
			s = append(s, noon+int64(i))
		}
		return s
	}
	bad := []string{"null", "NaN", "+Inf", "-Inf", `"Infinity"`, "-1", "9007199254740994", "1e309"}
	day, f := rebuilt(t,
		exportLine("cozy_a", append(bad, "-0", "9007199254740992"), stamps(len(bad)+2)),
		exportLine(`cozy_b`, []string{"1", "2", "3", "4"}, []int64{at(0) - 1, at(0), at(24*time.Hour) - 1, at(24 * time.Hour)}),
		`{"metric":{"__name__":"cozy_c","cluster_id":"c","a.b":"x"},"values":[1],"timestamps":[`+fmt.Sprint(noon)+"]}\n",
		`{"metric":{"__name__":"cozy_c","cluster_id":"other"},"values":[1],"timestamps":[`+fmt.Sprint(noon)+"]}\n",
		`{"metric":{"cluster_id":"c"},"values":[1],"timestamps":[`+fmt.Sprint(noon)+"]}\n",
	)
	want := rollup.Day{Last: 23, Points: []rollup.Point{
		{Series: "cozy_a", Peak: rollup.MaxValue, Last: rollup.MaxValue, Hour: 12},
		{Series: "cozy_b", Peak: 3, Last: 3, Hour: 23},
	}, Sums: []rollup.Sum{{Metric: "cozy_a", Peak: rollup.MaxValue}, {Metric: "cozy_b", Peak: 3}}}
	if !reflect.DeepEqual(day, want) {
		t.Errorf("got %+v", day)
	}
	if !maps.Equal(f.skipped, Skipped{"value": int64(len(bad)), "series": 3}) || f.samples != 4 {
		t.Errorf("%d taken, %v skipped", f.samples, f.skipped)
	}
	if v, ok := rollup.ParseValue("-0"); !ok || math.Signbit(v) {
		t.Errorf("-0 is %v, %v", v, ok)
	}
}

// What is no line of an export is an error, and the text of one never a day.
func TestParseLine(t *testing.T) {
	for _, text := range []string{
		"", "{}", "error: something went wrong", `{"metric":{"__name__":"a"},"values":[1],"timestamps":[1`,
		`{"metric":{"__name__":"a"},"values":[1,2],"timestamps":[1]}`, `{"metric":{"__name__":"a"},"values":[1],"timestamps":[x]}`,
		`{"metric":"a","values":[1],"timestamps":[1]}`,
	} {
		l, err := parseLine([]byte(text))
		if err == nil {
			err = l.each(func(int64, float64, bool) error { return nil })
		}
		if err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	const odd = `{"metric":{"__name__":"cozy_a","x":"\"],\"timestamps\":[1]}","cluster_id":"c"},"values":[1],"timestamps":[7]}`
	l, err := parseLine([]byte(odd))
	if err != nil || l.labels["x"] != `"],"timestamps":[1]}` || string(l.stamps) != "7" {
		t.Errorf("%+v, %v", l, err)
	}
}

// What would take too much memory is an error; a series takes more than a sample.
func TestRoom(t *testing.T) {
	read := func(room, series, samples int) error {
		f := newFold(anything{}, []string{"c"}, march, march.Add(24*time.Hour), room)
		var lines string
		for i := range series {
			for j := range samples {
				lines += exportLine(rollup.Series(fmt.Sprintf("cozy_%d", i)), []string{"1"}, []int64{at(time.Duration(j) * time.Hour)})
			}
		}
		return readLines(strings.NewReader(lines), f)
	}
	if err := read(10*(1+seriesRoom), 10, 1); err != nil {
		t.Error(err)
	}
	if err := read(seriesRoom+20, 1, 20); err != nil {
		t.Error(err)
	}
	if err := read(10*(1+seriesRoom), 11, 1); !errors.Is(err, errTooMuch) {
		t.Errorf("11 series: %v", err)
	}
	if err := read(seriesRoom+20, 1, 21); !errors.Is(err, errTooMuch) {
		t.Errorf("21 samples: %v", err)
	}
}
