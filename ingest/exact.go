package ingest

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// readExactly reads a line with expfmt, which decides what is refused and why. A
// line that expfmt refuses was not written by a client that escapes values: it is
// read once more as one of a client that escapes nothing.
func (s *scanner) readExactly(line []byte) error {
	metric, m, err := s.expfmtLine(line)
	if err != nil {
		var again error
		if metric, m, again = s.expfmtLine(escaped(line)); again != nil {
			return err
		}
	}
	if err := s.limits.checkLabels(metric, m.Label); err != nil {
		return err
	}
	value, err := rollup.CheckValue(m.GetUntyped().GetValue())
	if err != nil {
		return err
	}
	s.take(s.newSeries("", metric, m.Label), value)
	return nil
}

// learn parses a spelling with expfmt. It returns nil for what is not valid or
// over a limit, and for what is too long to be remembered.
func (s *scanner) learn(spelling []byte) *series {
	if len(spelling) > maxSpelling {
		return nil
	}
	metric, m, err := s.expfmtLine(append(slices.Clip(spelling), " 1"...))
	// With a value of exactly 1 and no timestamp, nothing of the spelling was
	// taken for a value: it is a whole series.
	if err != nil || m.GetUntyped().GetValue() != 1 || m.TimestampMs != nil || s.limits.checkLabels(metric, m.Label) != nil {
		return nil
	}
	return s.newSeries(string(spelling)+" ", metric, m.Label)
}

func (s *scanner) newSeries(prefix, metric string, pairs []*dto.LabelPair) *series {
	labels := make([]rollup.Label, 0, len(pairs))
	for _, p := range pairs {
		if p.GetName() != rollup.LabelCluster {
			labels = append(labels, rollup.Label{Name: p.GetName(), Value: p.GetValue()})
		}
	}
	text := rollup.NewSeries(metric, labels)
	return &series{
		prefix:  prefix,
		text:    text,
		hash:    maphash.String(s.seed, string(text)),
		allowed: s.limits.allows(metric),
		figure:  figureOf(metric, text),
	}
}

// expfmtLine reads one line. Each line is parsed for itself: an error then has
// its line, and no TYPE above it can turn a sample into something else.
func (s *scanner) expfmtLine(line []byte) (metric string, m *dto.Metric, err error) {
	if s.exact == nil {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		s.exact = &parser
	}
	families, err := s.exact.TextToMetricFamilies(bytes.NewReader(append(slices.Clip(line), '\n')))
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

func (l Limits) checkLabels(metric string, labels []*dto.LabelPair) error {
	longest := len(metric)
	for _, p := range labels {
		longest = max(longest, len(p.GetName()), len(p.GetValue()))
	}
	return l.checkSizes(len(labels), longest)
}

// checkSizes refuses too many labels in a sample, and too long a name or value.
func (l Limits) checkSizes(labels, longest int) error {
	if labels > l.Labels {
		return refuseLimit("more than %d labels in a sample", l.Labels)
	}
	if longest > l.LabelBytes {
		return refuseLimit("more than %d bytes in a name or a label", l.LabelBytes)
	}
	return nil
}
