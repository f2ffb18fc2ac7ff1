package store

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/record"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// target names a record: an instance's day.
type target struct {
	date     rollup.Date
	product  string
	instance string
}

// model is what a file must hold, kept by rollup alone.
type model map[target]rollup.Day

func (m model) add(r rollup.Report) {
	t := target{rollup.DateOf(r.Received), r.Product, r.Instance}
	m[t] = m[t].Merge(rollup.FromReport(r))
}

// fold does what Store.Fold does, with nothing but rollup.
func (m model) fold(product string, from, to rollup.MonthID, metrics []string) []foldedInstance {
	months := make(map[string][]rollup.Month)
	for t, day := range m {
		month := t.date.Month()
		if t.product != product || month < from || month > to {
			continue
		}
		if months[t.instance] == nil {
			months[t.instance] = make([]rollup.Month, to-from+1)
		}
		sum := &months[t.instance][month-from]
		*sum = sum.Merge(restrict(rollup.FromDay(t.date.DayOfMonth(), day), metrics))
	}
	var out []foldedInstance
	for instance, mm := range months {
		if slices.ContainsFunc(mm, func(m rollup.Month) bool { return len(m.Metrics) > 0 }) {
			out = append(out, foldedInstance{instance, mm})
		}
	}
	slices.SortFunc(out, func(a, b foldedInstance) int {
		return bytes.Compare(record.Key(a.instance), record.Key(b.instance))
	})
	return out
}

// restrict leaves only some metrics of a month; nil means all.
func restrict(m rollup.Month, metrics []string) rollup.Month {
	if metrics == nil {
		return m
	}
	var out rollup.Month
	for _, p := range m.Peaks {
		if slices.Contains(metrics, p.Series.Metric()) {
			out.Peaks = append(out.Peaks, p)
		}
	}
	for _, mm := range m.Metrics {
		if slices.Contains(metrics, mm.Metric) {
			out.Metrics = append(out.Metrics, mm)
		}
	}
	return out
}

// foldedInstance is what Fold says of one instance.
type foldedInstance struct {
	instance string
	months   []rollup.Month
}

// folded collects what Fold says. It copies, since months are reused.
func folded(t fatal, s *Store, product string, from, to rollup.MonthID, metrics []string) []foldedInstance {
	t.Helper()
	var out []foldedInstance
	must(t, s.Fold(context.Background(), product, from, to, metrics, func(instance string, months []rollup.Month) error {
		f := foldedInstance{instance: instance}
		for _, m := range months {
			f.months = append(f.months, rollup.Month{Peaks: slices.Clone(m.Peaks), Metrics: slices.Clone(m.Metrics)})
		}
		out = append(out, f)
		return nil
	}))
	slices.SortFunc(out, func(a, b foldedInstance) int {
		return bytes.Compare(record.Key(a.instance), record.Key(b.instance))
	})
	return out
}

// compareFolds fails unless two folds say the same.
func compareFolds(t fatal, got, want []foldedInstance) {
	t.Helper()
	same := slices.EqualFunc(got, want, func(a, b foldedInstance) bool {
		return a.instance == b.instance && slices.EqualFunc(a.months, b.months, sameMonth)
	})
	if !same {
		t.Fatalf("got\n%s\nwant\n%s", showFolds(got), showFolds(want))
	}
}

func showFolds(fs []foldedInstance) string {
	var b strings.Builder
	for _, f := range fs {
		fmt.Fprintf(&b, "%s: %+v\n", f.instance, f.months)
	}
	return b.String()
}

// stored reads every day of a file.
func stored(t fatal, s *Store) model {
	t.Helper()
	m := make(model)
	days, err := s.Days()
	must(t, err)
	for _, date := range days {
		must(t, s.Instances(context.Background(), date, func(product, instance string, day rollup.Day) error {
			k := target{date, product, instance}
			if _, double := m[k]; double {
				t.Fatalf("%+v comes twice", k)
			}
			m[k] = day
			return nil
		}))
	}
	return m
}

// compareModels fails unless both hold the same days.
func compareModels(t fatal, got, want model) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for k, day := range want {
		if !sameDay(got[k], day) {
			t.Fatalf("%+v:\ngot  %+v\nwant %+v", k, got[k], day)
		}
	}
}

func sameDay(a, b rollup.Day) bool { return a.Equal(b) }

func sameMonth(a, b rollup.Month) bool { return a.Equal(b) }
