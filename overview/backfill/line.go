package backfill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// errLine is returned for a line that is none of an export: mostly the text of an
// error that came up after the answer had begun.
var errLine = errors.New("backfill: not a line of an export")

// line is a series of an export with some of its samples.
type line struct {
	labels map[string]string
	// values and stamps are lists of as many numbers, with commas in between.
	values, stamps []byte
}

// parseLine takes a line apart. Only the labels are left to a JSON decoder:
// VictoriaMetrics writes values that JSON does not have, such as +Inf.
func parseLine(b []byte) (line, error) {
	b = bytes.TrimSpace(b)
	// Behind the labels there are only numbers, so the last match is the right one.
	head, stamps, ok1 := cutLast(b, `],"timestamps":[`)
	head, values, ok2 := cutLast(head, `,"values":[`)
	head, ok3 := bytes.CutPrefix(head, []byte(`{"metric":`))
	stamps, ok4 := bytes.CutSuffix(stamps, []byte("]}"))
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return line{}, errLine
	}
	l := line{values: values, stamps: stamps}
	if err := json.Unmarshal(head, &l.labels); err != nil {
		return line{}, fmt.Errorf("%w: %w", errLine, err)
	}
	return l, nil
}

func cutLast(b []byte, sep string) (before, after []byte, found bool) {
	i := bytes.LastIndex(b, []byte(sep))
	if i < 0 {
		return b, nil, false
	}
	return b[:i], b[i+len(sep):], true
}

// each calls fn for every sample; ok is false for a value that no report may
// have.
func (l line) each(fn func(at int64, value float64, ok bool) error) error {
	values, stamps := l.values, l.stamps
	for len(values) > 0 && len(stamps) > 0 {
		var v, t []byte
		v, values, _ = bytes.Cut(values, []byte(","))
		t, stamps, _ = bytes.Cut(stamps, []byte(","))
		at, err := strconv.ParseInt(string(t), 10, 64)
		if err != nil {
			return fmt.Errorf("%w: a time: %w", errLine, err)
		}
		value, ok := rollup.ParseValue(string(v))
		if err := fn(at, value, ok); err != nil {
			return err
		}
	}
	if len(values) > 0 || len(stamps) > 0 {
		return fmt.Errorf("%w: not as many values as times", errLine)
	}
	return nil
}
