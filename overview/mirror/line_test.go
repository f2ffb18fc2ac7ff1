package mirror

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// drawSeries draws from few names, so that series meet in a merge.
func drawSeries(t *rapid.T) rollup.Series {
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"kind", "os", "a_", "_"}), 0, 3, rapid.ID[string]).Draw(t, "labels")
	var labels []rollup.Label
	for _, n := range names {
		value := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "\"\\\n", `\n`, "<&>", "\u2028", "\x00"})).Draw(t, "value")
		labels = append(labels, rollup.Label{Name: n, Value: value})
	}
	return rollup.NewSeries(rapid.SampledFrom([]string{"a", "a_b", "a:b", "cozy_nodes_count"}).Draw(t, "metric"), labels)
}

func drawReport(t *rapid.T) rollup.Report {
	value := rapid.OneOf(rapid.Float64Range(0, rollup.MaxValue), rapid.SampledFrom([]float64{
		0, 0.1, math.SmallestNonzeroFloat64, rollup.MaxValue - 1, rollup.MaxValue,
	}))
	r := rollup.Report{Received: time.Unix(rapid.Int64Range(0, 1<<31).Draw(t, "received"), 0)}
	for s := range rapid.MapOfN(rapid.Custom(drawSeries), value, 1, 8).Draw(t, "samples") {
		slot := map[string]rollup.Slotting{"a_b": rollup.ByDay, "a:b": rollup.ByHour}[s.Metric()]
		r.Samples = append(r.Samples, rollup.Sample{Series: s, Value: value.Draw(t, "value"), Slot: slot})
	}
	slices.SortFunc(r.Samples, func(a, b rollup.Sample) int { return strings.Compare(string(a.Series), string(b.Series)) })
	return r
}

func TestLineRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want rollup.Day
		for _, r := range rapid.SliceOfN(rapid.Custom(drawReport), 1, 4).Draw(t, "reports") {
			want = want.Merge(rollup.FromReport(r))
		}
		line, err := EncodeLine("cozystack", "a-cluster", want)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsRune(line, '\n') {
			t.Fatalf("two lines: %s", line)
		}
		product, instance, got, err := DecodeLine(line)
		if err != nil {
			t.Fatalf("%v\n%s", err, line)
		}
		if product != "cozystack" || instance != "a-cluster" || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nis read as %+v\nwant %+v", line, got, want)
		}
	})
}

const goodLine = `{"product":"cozystack","instance":"c","first_hour":1,"last_hour":2,` +
	`"series":{"a":{"peak":3,"last":2,"hour":2},"a{x=\"1\",y=\"\\\"\"}":{"peak":0.5,"last":0,"hour":1}},"sums":{"a":3.5}}`

// slotLine has a series by hour and one by day.
const slotLine = `{"product":"p","instance":"c","first_hour":1,"last_hour":12,` +
	`"series":{"a":{"peak":3,"last":2,"hour":12,"slot":"hour","hours":{"1":3,"12":2}},"b":{"peak":1,"last":1,"hour":1,"slot":"day"}},"sums":{"a":3,"b":1}}`

func TestDecodeLineRefuses(t *testing.T) {
	if _, _, _, err := DecodeLine([]byte(goodLine)); err != nil {
		t.Fatalf("the good line: %v", err)
	}
	if _, _, d, err := DecodeLine([]byte(slotLine)); err != nil || len(d.Hours) != 1 || d.Points[1].Slot != rollup.ByDay {
		t.Fatalf("the good line with slots: %+v, %v", d, err)
	}
	edit := func(old, new string) string { return strings.Replace(goodLine, old, new, 1) }
	editSlots := func(old, new string) string { return strings.Replace(slotLine, old, new, 1) }
	for name, line := range map[string]string{
		"cut off":               edit(`}}`, ``),
		"something behind":      edit(`"sums":{"a":3.5}}`, `"sums":{"a":3.5}} `),
		"a space":               edit(`"first_hour":1`, `"first_hour": 1`),
		"unknown field":         edit(`"first_hour"`, `"zeroth_hour":0,"first_hour"`),
		"another case":          edit(`"first_hour"`, `"First_Hour"`),
		"no product":            edit(`"cozystack"`, `""`),
		"no instance":           edit(`"c"`, `""`),
		"first after last":      edit(`"first_hour":1`, `"first_hour":3`),
		"hour 24":               edit(`"last_hour":2`, `"last_hour":24`),
		"hour 256":              edit(`"last_hour":2`, `"last_hour":256`),
		"hour outside of both":  edit(`"hour":2`, `"hour":3`),
		"negative":              edit(`"last":0`, `"last":-1`),
		"above 2^53":            edit(`"peak":3`, `"peak":9007199254740994`),
		"infinite":              edit(`"peak":3`, `"peak":1e999`),
		"last above the peak":   edit(`"last":2`, `"last":4`),
		"sum above 2^53":        edit(`3.5`, `1e300`),
		"negative sum":          edit(`3.5`, `-3.5`),
		"no sum":                edit(`"a":3.5`, ``),
		"sum of another metric": edit(`"a":3.5`, `"b":3.5`),
		"a sum too many":        edit(`"a":3.5`, `"a":3.5,"b":1`),
		"number's other form":   edit(`3.5`, `35e-1`),
		"doubled series":        edit(`"a":{"peak":3`, `"a":{"peak":3,"last":2,"hour":2},"a":{"peak":3`),
		"bad metric name":       strings.ReplaceAll(goodLine, `"a`, `"1a`),
		"metric without name":   strings.NewReplacer(`"a":{`, `"":{`, `a{x`, `{x`, `"a":3`, `"":3`).Replace(goodLine),
		"labels out of order":   edit(`{x=\"1\",y=\"`, `{y=\"1\",x=\"`),
		"doubled label":         edit(`,y=`, `,x=`),
		"bad label name":        edit(`{x=`, `{x:=`),
		"the server's label":    edit(`{x=`, `{cluster_id=`),
		"wrong escape":          edit(`\\\"\"}`, `\\t\"}`),
		"open quote":            edit(`\\\"\"}`, `\\\"}`),
		"open brace":            edit(`\"}"`, `\""`),
		"empty braces":          edit(`a{x=\"1\",y=\"\\\"\"}`, `a{}`),
		"a brace alone":         edit(`a{x=\"1\",y=\"\\\"\"}`, `a{`),
		"no UTF-8":              edit(`\\\"\"}`, "\xff\\\"}"),
		"hours out of order":    editSlots(`"1":3,"12":2`, `"12":2,"1":3`),
		"a slot of hour 13":     editSlots(`"12":2`, `"13":2`),
		"a slot above the peak": editSlots(`"1":3`, `"1":4`),
		"no slots":              editSlots(`"hours":{"1":3,"12":2}`, `"hours":{}`),
		"slots of a day":        editSlots(`"slot":"hour"`, `"slot":"day"`),
		"an unknown slot":       editSlots(`"slot":"day"`, `"slot":"week"`),
		"slots by nothing":      editSlots(`"slot":"hour",`, ``),
		"no series": edit(`"series":{"a":{"peak":3,"last":2,"hour":2},"a{x=\"1\",y=\"\\\"\"}":{"peak":0.5,"last":0,"hour":1}},"sums":{"a":3.5}`,
			`"series":{},"sums":{}`),
	} {
		t.Run(name, func(t *testing.T) {
			if line == goodLine || line == slotLine {
				t.Fatal("the edit changes nothing")
			}
			if _, _, d, err := DecodeLine([]byte(line)); !errors.Is(err, ErrLine) {
				t.Errorf("%s\nis read as %+v, %v", line, d, err)
			}
		})
	}
}

func TestEncodeLineRefusesWhatJSONLacks(t *testing.T) {
	for _, v := range []float64{math.NaN(), math.Inf(1)} {
		d := rollup.Day{Points: []rollup.Point{{Series: "a", Peak: v}}}
		if line, err := EncodeLine("p", "i", d); err == nil {
			t.Errorf("%v is written as %s", v, line)
		}
	}
}

func FuzzDecodeLine(f *testing.F) {
	f.Add([]byte(goodLine))
	f.Add([]byte(slotLine))
	f.Add([]byte(`{"product":"p","instance":"i","first_hour":0,"last_hour":0,"series":{"a{":{"peak":0,"last":0,"hour":0}},"sums":{"a":0}}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, line []byte) {
		product, instance, d, err := DecodeLine(line)
		if err != nil {
			return
		}
		again, err := EncodeLine(product, instance, d)
		if err != nil || !bytes.Equal(again, line) {
			t.Errorf("%s\nis written as %s, %v", line, again, err)
		}
	})
}

func FuzzDecodeMonth(f *testing.F) {
	f.Add([]byte(original))
	f.Add([]byte(strings.Replace(original, `"month"`, `"source":"rollups","kinds":{"Redis":1},"confirmed_clusters":3,"month"`, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := DecodeMonth(b, march)
		if err != nil {
			return
		}
		file, err := EncodeMonth(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeMonth(file, march)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if second, err := EncodeMonth(again); err != nil || !bytes.Equal(file, second) {
			t.Errorf("%s\nis written as %s, %v", file, second, err)
		}
	})
}
