package ingest

import (
	"bytes"
	"errors"
	"hash/maphash"
	"slices"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// readExactly reads a line with expfmt, which decides what is refused and why. A
// line that expfmt refuses was not written by a client that escapes values: it is
// read once more as one of a client that escapes nothing.
func (s *scanner) readExactly(line []byte) error {
	e, err := s.expfmtLine(line)
	if err != nil {
		var again error
		if e, again = s.expfmtLine(escaped(line)); again != nil {
			return err
		}
	}
	if err := s.limits.checkLabels(e.metric, e.labels); err != nil {
		return err
	}
	value, err := rollup.CheckValue(e.value)
	if err != nil {
		return err
	}
	s.take(s.newSeries("", e), value)
	return nil
}

// learn parses a spelling with expfmt. It returns nil for what is not valid or
// over a limit, and for what is too long to be remembered.
func (s *scanner) learn(spelling []byte) *series {
	if len(spelling) > maxSpelling {
		return nil
	}
	e, err := s.expfmtLine(append(slices.Clip(spelling), " 1"...))
	// With a value of exactly 1 and no timestamp, nothing of the spelling was
	// taken for a value: it is a whole series.
	if err != nil || e.value != 1 || e.stamped || s.limits.checkLabels(e.metric, e.labels) != nil {
		return nil
	}
	return s.newSeries(string(spelling)+" ", e)
}

func (s *scanner) newSeries(prefix string, e exactLine) *series {
	labels := slices.DeleteFunc(e.labels, func(l rollup.Label) bool { return l.Name == rollup.LabelCluster })
	text := rollup.NewSeries(e.metric, labels)
	return &series{
		prefix:  prefix,
		text:    text,
		hash:    maphash.String(s.seed, string(text)),
		allowed: s.limits.allows(e.metric),
		figure:  figureOf(e.metric, text),
	}
}

// exactLine is a line as expfmt reads it.
type exactLine struct {
	metric  string
	labels  []rollup.Label // of any name
	value   float64
	stamped bool // it has a timestamp
}

// expfmtLine reads one line. Each line is parsed for itself: an error then has
// its line, and no TYPE above it can turn a sample into something else.
func (s *scanner) expfmtLine(line []byte) (e exactLine, err error) {
	if s.exact == nil {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		s.exact = &parser
	}
	families, err := s.exact.TextToMetricFamilies(bytes.NewReader(append(slices.Clip(line), '\n')))
	if err != nil {
		var parse expfmt.ParseError
		if errors.As(err, &parse) {
			return e, errors.New(parse.Msg)
		}
		return e, errors.New("not in the exposition format")
	}
	for name, family := range families {
		m := family.Metric[0]
		e = exactLine{
			metric: name, labels: make([]rollup.Label, 0, len(m.Label)),
			value: m.GetUntyped().GetValue(), stamped: m.TimestampMs != nil,
		}
		for _, p := range m.Label {
			e.labels = append(e.labels, rollup.Label{Name: p.GetName(), Value: p.GetValue()})
		}
		return e, nil
	}
	return e, errors.New("not in the exposition format")
}
