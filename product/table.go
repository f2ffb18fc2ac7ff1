package product

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// prepare returns the rows of a product's table, without those of names unless they are
// kept. An error is one of the table, and so of the program.
func prepare(p Product, keepNames bool) ([]row, error) {
	var rows []row
	names := 0
	plain := make(map[string]bool)
	for _, f := range p.Fields {
		err := f.check()
		if err == nil && f.Label == "" && !f.starred() && f.Metric != "" && plain[f.Metric] {
			err = errors.New("another field has the same metric")
		}
		plain[f.Metric] = true
		if err != nil {
			return nil, fmt.Errorf("product: %s: %s%s: %w", p.Name, f.Path, f.Header, err)
		}
		if f.Kind == Name {
			names++
		}
		if f.Raw && !keepNames {
			continue
		}
		f.Max = cmp.Or(f.Max, rollup.MaxValue)
		r := row{Field: f, metric: p.metric(f.Metric)}
		r.series = rollup.NewSeries(r.metric, nil)
		rows = append(rows, r)
	}
	if names != 1 || p.Identify == nil {
		return nil, fmt.Errorf("product: %s: one field must say whose a report is, and a function what it says", p.Name)
	}
	return rows, p.checkFigures()
}

// check tells what of a row can't be.
func (f Field) check() error {
	word := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	sample := f.Kind != Name && f.Kind != Schema
	labelled := f.Kind == Text || f.Kind == Set || f.starred() && f.Words != nil
	switch {
	case (f.Path == "") == (f.Header == ""):
		return errors.New("needs either a path or a header")
	case f.Header != "" && f.Kind != Text:
		return errors.New("a header is a text")
	case strings.Count(f.Path, "*") > 1:
		return errors.New("has two asterisks")
	case f.starred() && f.Kind.class() != aNumber:
		return errors.New("only numbers are taken by an asterisk")
	case sample != word.MatchString(f.Metric):
		return errors.New("needs the name of a metric, unless it is no sample")
	case (sample && labelled) != word.MatchString(f.Label):
		return errors.New("needs a label where it has words for it, and only there")
	case (labelled || f.Kind == Schema) && f.Words == nil && !f.Raw:
		return errors.New("needs words for its texts")
	}
	return nil
}

// starred tells whether the path has an asterisk.
func (f Field) starred() bool { return strings.Contains(f.Path, "*") }
