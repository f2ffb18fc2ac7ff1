package deploy

import (
	"errors"
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
)

// checkExpr holds that an expression is PromQL, and that its metrics and labels
// exist. It returns the metrics.
func checkExpr(expr string, series map[string]map[string]bool) (metrics []string, err error) {
	tree, err := parser.ParseExpr(expr)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", expr, err)
	}
	var errs []error
	known := make(map[string]bool)
	var grouped []string
	parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			metrics = append(metrics, n.Name)
			errs = append(errs, checkSelector(n, series[n.Name]))
			for label := range series[n.Name] {
				known[label] = true
			}
		case *parser.AggregateExpr:
			grouped = append(grouped, n.Grouping...)
		}
		return nil
	})
	for _, label := range grouped {
		if !known[label] {
			errs = append(errs, fmt.Errorf("%s: no metric of it has the label %q", expr, label))
		}
	}
	return metrics, errors.Join(errs...)
}

func checkSelector(s *parser.VectorSelector, known map[string]bool) error {
	if known == nil {
		return fmt.Errorf("there is no metric %q", s.Name)
	}
	for _, m := range s.LabelMatchers {
		if !known[m.Name] {
			return fmt.Errorf("%s has no label %q", s.Name, m.Name)
		}
	}
	return nil
}

func TestExprCheckFails(t *testing.T) {
	series := map[string]map[string]bool{"m": {"__name__": true, "a": true}}
	for expr, good := range map[string]bool{
		`sum by (a) (rate(m{a="1"}[5m]))`: true,
		`sum by (a) (rate(n[5m]))`:        false,
		`m{b="1"}`:                        false,
		`sum by (b) (m)`:                  false,
		`sum(`:                            false,
	} {
		if _, err := checkExpr(expr, series); (err == nil) != good {
			t.Errorf("%s: %v", expr, err)
		}
	}
}
