package ingest

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// clusterLabel is the label that says whose sample it is. Only the server sets it.
const clusterLabel = "cluster_id"

// Parse reads a body in the exposition format. It returns the samples that the
// limits allow, sorted by series, each series once, and how many it dropped for
// their name. A label cluster_id is left out, timestamps and comments are
// ignored, and of a series that stands twice the higher value counts.
//
// It takes all of a body or nothing: the error of a body with a bad line, or
// over a limit, is a *Refusal.
func Parse(body []byte, limits Limits) (samples []rollup.Sample, dropped int, err error) {
	limits = limits.withDefaults()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	for n := 1; len(body) > 0; n++ {
		line, rest, _ := bytes.Cut(body, []byte{'\n'})
		body = rest
		if isBlankOrComment(line) {
			continue
		}
		if len(samples)+dropped == limits.Samples {
			return nil, 0, refuseLimit("more than %d samples", limits.Samples)
		}
		metric, m, err := parseLine(&parser, line)
		if err != nil {
			return nil, 0, refuseLine(n, err.Error())
		}
		sample, err := limits.sample(metric, m)
		var refusal *Refusal
		switch {
		case errors.As(err, &refusal):
			return nil, 0, refusal
		case err != nil:
			return nil, 0, refuseLine(n, err.Error())
		case !limits.allows(metric):
			dropped++
		default:
			samples = append(samples, sample)
		}
	}
	return sortSamples(samples), dropped, nil
}

func isBlankOrComment(line []byte) bool {
	line = bytes.TrimLeft(line, " \t")
	return len(line) == 0 || line[0] == '#'
}

// parseLine reads one line. Each line is parsed for itself: an error then has its
// line, and no TYPE above it can turn a sample into something else.
func parseLine(parser *expfmt.TextParser, line []byte) (metric string, m *dto.Metric, err error) {
	families, err := parser.TextToMetricFamilies(bytes.NewReader(append(slices.Clip(line), '\n')))
	if err != nil {
		var parse expfmt.ParseError
		if errors.As(err, &parse) {
			return "", nil, errors.New(parse.Msg)
		}
		return "", nil, errors.New("not in the exposition format")
	}
	for name, family := range families {
		return name, family.Metric[0], nil
	}
	return "", nil, errors.New("not in the exposition format")
}

// sample checks what was parsed and returns it in the domain's terms.
func (l Limits) sample(metric string, m *dto.Metric) (rollup.Sample, error) {
	if err := l.checkLabels(metric, m.Label); err != nil {
		return rollup.Sample{}, err
	}
	value := m.GetUntyped().GetValue()
	if err := checkValue(value); err != nil {
		return rollup.Sample{}, err
	}
	labels := make([]rollup.Label, 0, len(m.Label))
	for _, p := range m.Label {
		if p.GetName() != clusterLabel {
			labels = append(labels, rollup.Label{Name: p.GetName(), Value: p.GetValue()})
		}
	}
	// Abs turns the value -0, which is not negative, into 0.
	return rollup.Sample{Series: rollup.NewSeries(metric, labels), Value: math.Abs(value)}, nil
}

func (l Limits) checkLabels(metric string, labels []*dto.LabelPair) error {
	if len(labels) > l.Labels {
		return refuseLimit("more than %d labels in a sample", l.Labels)
	}
	longest := len(metric)
	for _, p := range labels {
		longest = max(longest, len(p.GetName()), len(p.GetValue()))
	}
	if longest > l.LabelBytes {
		return refuseLimit("more than %d bytes in a name or a label", l.LabelBytes)
	}
	return nil
}

// checkValue refuses what can't be a count or a size.
func checkValue(v float64) error {
	switch {
	case math.IsNaN(v):
		return errors.New("the value is NaN")
	case math.IsInf(v, 0):
		return errors.New("the value is infinite")
	case v < 0:
		return errors.New("the value is negative")
	case v > rollup.MaxValue:
		return errors.New("the value is above 2^53")
	}
	return nil
}

// sortSamples sorts by series, and keeps the highest of a series' values.
func sortSamples(samples []rollup.Sample) []rollup.Sample {
	slices.SortFunc(samples, func(a, b rollup.Sample) int {
		return cmp.Or(strings.Compare(string(a.Series), string(b.Series)), cmp.Compare(b.Value, a.Value))
	})
	return slices.CompactFunc(samples, func(a, b rollup.Sample) bool { return a.Series == b.Series })
}
