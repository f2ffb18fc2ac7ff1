package ingest

import (
	"bytes"
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// parseOracle is what Parser is held to: expfmt for every line, nothing
// remembered. Its samples are sorted by series.
func parseOracle(body []byte, limits Limits) (samples []rollup.Sample, dropped int, err error) {
	limits = limits.withDefaults()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	for n := 1; len(body) > 0; n++ {
		line, rest, _ := bytes.Cut(body, []byte{'\n'})
		body = rest
		if text := bytes.TrimLeft(line, " \t"); len(text) == 0 || text[0] == '#' {
			continue
		}
		if len(samples)+dropped == limits.Samples {
			return nil, 0, refuseLimit("more than %d samples", limits.Samples)
		}
		metric, m, err := oracleLine(&parser, line)
		if err != nil {
			var again error
			if metric, m, again = oracleLine(&parser, oracleEscaped(line)); again == nil {
				err = nil
			}
		}
		if err != nil {
			return nil, 0, refuseLine(n, err.Error())
		}
		sample, err := oracleSample(limits, metric, m)
		if err != nil {
			return nil, 0, refusalAt(n, err)
		}
		if limits.allows(metric) {
			samples = append(samples, sample)
		} else {
			dropped++
		}
	}
	slices.SortFunc(samples, func(a, b rollup.Sample) int {
		return cmp.Or(strings.Compare(string(a.Series), string(b.Series)), cmp.Compare(b.Value, a.Value))
	})
	samples = slices.CompactFunc(samples, func(a, b rollup.Sample) bool { return a.Series == b.Series })
	if err := oraclePlausible(limits, samples); err != nil {
		return nil, 0, err
	}
	return samples, dropped, nil
}

var (
	opening = regexp.MustCompile(`=[ \t]*"`)
	closing = regexp.MustCompile(`"[ \t]*[,}]`)
)

// oracleEscaped escapes all that only a client that escapes nothing leaves so.
func oracleEscaped(line []byte) []byte {
	structure := make(map[int]bool)
	for _, at := range opening.FindAllIndex(line, -1) {
		structure[at[1]-1] = true
	}
	for _, at := range closing.FindAllIndex(line, -1) {
		structure[at[0]] = true
	}
	var b []byte
	for i, c := range line {
		if c == '\\' || c == '"' && !structure[i] {
			b = append(b, '\\')
		}
		b = append(b, c)
	}
	return b
}

func oraclePlausible(l Limits, samples []rollup.Sample) error {
	var nodes, tenants float64
	kinds := make(map[string]float64)
	for _, s := range samples {
		switch s.Series.Metric() {
		case "cozy_nodes_count":
			nodes += s.Value
		case "cozy_tenants_count":
			tenants += s.Value
		case "cozy_application_count":
			kinds[s.Series.Label("kind")] += s.Value
		}
	}
	switch {
	case nodes > float64(l.Nodes):
		return refuseImplausible("more than %d nodes", l.Nodes)
	case tenants > float64(l.Tenants), kinds["Tenant"] > float64(l.Tenants):
		return refuseImplausible("more than %d tenants", l.Tenants)
	}
	for _, n := range kinds {
		if n > float64(l.Apps) {
			return refuseImplausible("more than %d applications of a kind", l.Apps)
		}
	}
	return nil
}

func oracleLine(parser *expfmt.TextParser, line []byte) (metric string, m *dto.Metric, err error) {
	families, err := parser.TextToMetricFamilies(bytes.NewReader(append(slices.Clip(line), '\n')))
	var parse expfmt.ParseError
	if errors.As(err, &parse) {
		return "", nil, errors.New(parse.Msg)
	}
	if err != nil {
		return "", nil, errors.New("not in the exposition format")
	}
	for name, family := range families {
		return name, family.Metric[0], nil
	}
	return "", nil, errors.New("not in the exposition format")
}

func oracleSample(l Limits, metric string, m *dto.Metric) (rollup.Sample, error) {
	var all, labels []rollup.Label
	for _, p := range m.Label {
		all = append(all, rollup.Label{Name: p.GetName(), Value: p.GetValue()})
		if p.GetName() != rollup.LabelCluster {
			labels = append(labels, all[len(all)-1])
		}
	}
	if err := l.checkLabels(metric, all); err != nil {
		return rollup.Sample{}, err
	}
	value, err := rollup.CheckValue(m.GetUntyped().GetValue())
	if err != nil {
		return rollup.Sample{}, err
	}
	return rollup.Sample{Series: rollup.NewSeries(metric, labels), Value: value}, nil
}
