package backfill

import (
	"cmp"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// refusal is a report that would not have been taken, by the time of one of its
// samples.
type refusal struct {
	at  int64 // milliseconds
	why string
}

// refuse takes out the reports that would not have been taken, whole: a cluster
// that was invented does not count because of the rest of its report. It returns
// how many samples it took out, by why.
func (c *clusterFold) refuse(rules Rules) Skipped {
	refusals := c.refusals(rules)
	if len(refusals) == 0 {
		return nil
	}
	skipped := make(Skipped)
	c.derived = without(c.derived, refusals, skipped)
	for metric, m := range c.metrics {
		kept := &metricFold{index: make(map[rollup.Series]int32)}
		for _, s := range without(m.samples, refusals, skipped) {
			kept.add(m.points[s.series].Series, s.at, s.value)
		}
		c.metrics[metric] = kept
		if len(kept.samples) == 0 {
			delete(c.metrics, metric)
		}
	}
	return skipped
}

// refusals finds the reports that would not have been taken, by their time.
func (c *clusterFold) refusals(rules Rules) (refusals []refusal) {
	for _, s := range c.derived {
		// It stands for the series that it is the sum of.
		if why := rules.Report([]rollup.Sample{{Series: rollup.MetricNodes, Value: s.value}}); why != "" {
			refusals = append(refusals, refusal{s.at, why})
		}
	}
	for _, m := range c.metrics {
		if rules.Report(m.highest()) == "" {
			continue // nor is there anything against any of its reports
		}
		m.sort()
		for rest := m.samples; len(rest) > 0; {
			n := reportLength(rest)
			if why := rules.Report(m.report(rest[:n])); why != "" {
				refusals = append(refusals, refusal{rest[0].at, why})
			}
			rest = rest[n:]
		}
	}
	slices.SortFunc(refusals, func(a, b refusal) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.why, b.why))
	})
	return refusals
}

// highest returns the report that the peaks of all series would make.
func (m *metricFold) highest() []rollup.Sample {
	report := make([]rollup.Sample, len(m.points))
	for i, p := range m.points {
		report[i] = rollup.Sample{Series: p.Series, Value: p.Peak}
	}
	return report
}

// report returns samples that came together, each series once with its higher
// value.
func (m *metricFold) report(samples []sample) []rollup.Sample {
	var together metricFold
	together.index = make(map[rollup.Series]int32)
	for _, s := range samples {
		together.add(m.points[s.series].Series, s.at, s.value)
	}
	return together.highest()
}

// without returns the samples that came with no refused report, and counts the
// others.
func without(samples []sample, refusals []refusal, skipped Skipped) []sample {
	var kept []sample
	for _, s := range samples {
		first := s.at - together.Milliseconds() + 1
		i, _ := slices.BinarySearchFunc(refusals, first, func(r refusal, at int64) int { return cmp.Compare(r.at, at) })
		if i < len(refusals) && refusals[i].at < s.at+together.Milliseconds() {
			skipped[refusals[i].why]++
			continue
		}
		kept = append(kept, s)
	}
	return kept
}
