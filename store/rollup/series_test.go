package rollup_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func compareLabels(a, b rollup.Label) int { return strings.Compare(a.Name, b.Name) }

func labels() *rapid.Generator[[]rollup.Label] {
	value := rapid.OneOf(
		rapid.String(),
		rapid.StringOfN(rapid.RuneFrom([]rune("\\\"\n{},=n \t\r\x00ж")), 0, 8, -1),
	)
	label := rapid.Custom(func(t *rapid.T) rollup.Label {
		return rollup.Label{
			Name:  rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9_]{0,3}`).Draw(t, "name"),
			Value: value.Draw(t, "value"),
		}
	})
	return rapid.SliceOfNDistinct(label, 0, 5, func(l rollup.Label) string { return l.Name })
}

// parse reads one series with prometheus' own parser.
func parse(t *rapid.T, s rollup.Series) (metric string, labels []rollup.Label) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(s) + " 1\n"))
	if err != nil {
		t.Fatalf("%q does not parse: %v", s, err)
	}
	if len(families) != 1 {
		t.Fatalf("%q is %d families", s, len(families))
	}
	for name, family := range families {
		if len(family.Metric) != 1 {
			t.Fatalf("%q is %d series", s, len(family.Metric))
		}
		metric = name
		for _, l := range family.Metric[0].Label {
			labels = append(labels, rollup.Label{Name: l.GetName(), Value: l.GetValue()})
		}
	}
	slices.SortFunc(labels, compareLabels)
	return metric, labels
}

func TestSeriesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		metric := rapid.StringMatching(`[a-zA-Z_:][a-zA-Z0-9_:]{0,5}`).Draw(t, "metric")
		want := labels().Draw(t, "labels")
		s := rollup.NewSeries(metric, slices.Clone(want))
		slices.SortFunc(want, compareLabels)

		if s.Metric() != metric {
			t.Errorf("metric of %q: got %q, want %q", s, s.Metric(), metric)
		}
		if got := s.Labels(); !slices.Equal(got, want) {
			t.Errorf("labels of %q:\ngot  %q\nwant %q", s, got, want)
		}
		for _, l := range want {
			if got := s.Label(l.Name); got != l.Value {
				t.Errorf("label %s of %q: got %q, want %q", l.Name, s, got, l.Value)
			}
		}
		if got := s.Label("missing"); got != "" {
			t.Errorf("a missing label of %q: got %q", s, got)
		}
		gotMetric, gotLabels := parse(t, s)
		if gotMetric != metric || !slices.Equal(gotLabels, want) {
			t.Errorf("expfmt reads %q as %q %q", s, gotMetric, gotLabels)
		}
	})
}

func TestSeriesText(t *testing.T) {
	tests := map[string]struct {
		labels []rollup.Label
		text   string
		inner  string
	}{
		"no labels": {nil, "m", ""},
		"sorted":    {[]rollup.Label{{Name: "b", Value: "2"}, {Name: "a", Value: "1"}}, `m{a="1",b="2"}`, `a="1",b="2"`},
		"escaped":   {[]rollup.Label{{Name: "a", Value: "\\ \" \n"}}, `m{a="\\ \" \n"}`, `a="\\ \" \n"`},
		"braces":    {[]rollup.Label{{Name: "a", Value: "}{"}}, `m{a="}{"}`, `a="}{"`},
		"a whole forged line": {
			[]rollup.Label{{Name: "a", Value: "\"} 1\nm{cluster_id=\"other\"} 2\n"}},
			`m{a="\"} 1\nm{cluster_id=\"other\"} 2\n"}`,
			`a="\"} 1\nm{cluster_id=\"other\"} 2\n"`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := rollup.NewSeries("m", test.labels)
			if string(s) != test.text || s.LabelText() != test.inner {
				t.Errorf("got %s and %s", s, s.LabelText())
			}
		})
	}
}

// A series may also come from a damaged file.
func FuzzSeriesText(f *testing.F) {
	for _, s := range []string{"", "a", "a{", "a{}", `a{x`, `a{x="`, `a{x="\`, `a{x="1"`, `a{x="1",`, `a{x="1",}`, `{="",="`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := rollup.Series(text)
		for _, l := range s.Labels() {
			s.Label(l.Name)
		}
		if !strings.HasPrefix(text, s.Metric()) || !strings.Contains(text, s.LabelText()) {
			t.Errorf("%q has the metric %q and labels %q", text, s.Metric(), s.LabelText())
		}
	})
}
