package overview

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// query is one instant query and the figure it fills.
type query struct {
	text string
	at   time.Time
	fill func(*figures, model.Vector) error
}

// except is a matcher that leaves out some clusters; empty for none.
type except string

// exceptBytes bounds a matcher. The longest query has it twice, and VictoriaMetrics takes
// 16 KiB of a query unless it is told otherwise.
const exceptBytes = 7 << 10

// exceptFor leaves out what is excluded. Names of clusters are no longer than a few
// hundred bytes, and some 190 UUIDs are within the bound.
func exceptFor(excluded rollup.Exclusions) except {
	if len(excluded.Instances) == 0 {
		return ""
	}
	var names []string
	for _, instance := range excluded.Instances {
		names = append(names, regexp.QuoteMeta(instance))
	}
	return except(fmt.Sprintf("%s!~%q", rollup.LabelCluster, strings.Join(names, "|")))
}

// canExcept tells whether a matcher that leaves these out is within the bound. It is asked
// all the time, so that too many are not written out for it: no name becomes shorter.
func canExcept(excluded rollup.Exclusions) bool {
	least := 0
	for _, instance := range excluded.Instances {
		if least += len(instance) + 1; least > exceptBytes {
			return false
		}
	}
	return len(exceptFor(excluded)) <= exceptBytes
}

// of is the selector of a metric, with another matcher or none.
func (e except) of(metric string, matchers ...string) string {
	if e != "" {
		matchers = append(matchers, string(e))
	}
	if len(matchers) == 0 {
		return metric
	}
	return metric + "{" + strings.Join(matchers, ",") + "}"
}

// presenceQueries count the clusters of a window, seen up to now.
//
// Ranges are open on the left: m[W] at t reads the samples in (t-W, t]. The last
// millisecond of the window with W in whole days is therefore exactly the
// window, and so is now with the milliseconds since its start plus one. Days are
// read at midnight with an offset of a millisecond, for the same reason: a
// sample of 00:00:00.000 belongs to the day that begins.
func presenceQueries(w window, now time.Time, confirmDays int, but except) []query {
	at, span := w.span(now)
	midnight, days := w.daySteps(now)
	return []query{
		{
			fmt.Sprintf("count(count by (cluster_id)(max_over_time(%s[%s])))", but.of(rollup.MetricInfo), span), at,
			single(func(f *figures, n int64) { f.clusters = n }),
		}, {
			fmt.Sprintf("count(count_over_time((count by (cluster_id)"+
				"(max_over_time(%s[1d] offset 1ms)))[%dd:1d]) >= %d)", but.of(rollup.MetricInfo), days, confirmDays), midnight,
			single(func(f *figures, n int64) { f.confirmedClusters = n }),
		},
	}
}

// everyQuery asks for all figures of a window, seen up to now. The derived
// series cozy_cluster_nodes holds the sum of one report's cozy_nodes_count;
// months from before it have only the series' own peaks, an upper bound. The sum of
// the clusters that have it is told apart from that of those that do not, so that
// one query answers how many nodes there are, and whether they are exact.
func everyQuery(w window, now time.Time, confirmDays int, but except) []query {
	at, span := w.span(now)
	midnight, days := w.daySteps(now)
	return append(presenceQueries(w, now, confirmDays, but), query{
		fmt.Sprintf(`sum by (exact)(label_replace(max by (cluster_id)(max_over_time(%s[%s])), "exact", "true", "cluster_id", ".*")`+
			" or on (cluster_id) sum by (cluster_id)(max_over_time(%s[%s])))",
			but.of(rollup.MetricClusterNodes), span, but.of(rollup.MetricNodes), span), at,
		fillNodes,
	}, query{
		fmt.Sprintf("sum(max by (cluster_id)("+
			"sum by (cluster_id, kind)(max_over_time(%s[%s]))"+
			" or sum by (cluster_id)(max_over_time(%s[%s]))))",
			but.of(rollup.MetricApplications, fmt.Sprintf("kind=%q", rollup.KindTenant)), span, but.of(rollup.MetricTenants), span), at,
		single(func(f *figures, n int64) { f.tenants = n }),
	}, query{
		fmt.Sprintf("sum by (kind)(max_over_time(%s[%s]))", but.of(rollup.MetricApplications), span), at,
		fillKinds,
	}, query{
		fmt.Sprintf("count_over_time((count(max_over_time(%s[1d] offset 1ms)))[%dd:1d])", but.of(rollup.MetricInfo), days), midnight,
		single(func(f *figures, n int64) { f.days = int(n) }),
	})
}

// span returns the instant to evaluate at and the range that reaches back from
// there to the window's start.
func (w window) span(now time.Time) (at time.Time, span string) {
	if now.Before(w.end()) {
		// VictoriaMetrics overlooks a sample of 00:00:00.000 when it is asked at that
		// very instant, so it is asked a millisecond later.
		at = now.Truncate(time.Millisecond).Add(time.Millisecond)
		return at, fmt.Sprintf("%dms", at.Sub(w.start()).Milliseconds()+1)
	}
	return w.end().Add(-time.Millisecond), fmt.Sprintf("%dd", w.length())
}

// daySteps returns the midnight that ends the window's last day, or today, and
// the number of days up to it. Today's midnight lies in the future; what has
// come in until now counts.
func (w window) daySteps(now time.Time) (midnight time.Time, days int) {
	last := min(rollup.DateOf(now), w.to.Last())
	return (last + 1).Start(), w.days(last)
}

// single makes a fill of a setter for queries that answer with one number. An
// empty answer is 0: VictoriaMetrics knows nothing.
func single(set func(*figures, int64)) func(*figures, model.Vector) error {
	return func(f *figures, answer model.Vector) error {
		if len(answer) > 1 {
			return fmt.Errorf("%d series instead of one", len(answer))
		}
		for _, s := range answer {
			n, err := count(s.Value)
			if err != nil {
				return err
			}
			set(f, n)
		}
		return nil
	}
}

// fillNodes adds up the nodes of the clusters that are counted exactly, and of those
// that are not.
func fillNodes(f *figures, answer model.Vector) error {
	for _, s := range answer {
		n, err := count(s.Value)
		if err != nil {
			return err
		}
		switch exact := s.Metric["exact"]; exact {
		case "true":
		case "":
			f.upperNodes = true
		default:
			return fmt.Errorf("a series with exact=%q", exact)
		}
		f.nodes = min(f.nodes+n, rollup.MaxValue)
	}
	return nil
}

func fillKinds(f *figures, answer model.Vector) error {
	f.kinds = make(map[string]int64, len(answer))
	for _, s := range answer {
		n, err := count(s.Value)
		if err != nil {
			return err
		}
		if kind := s.Metric[rollup.LabelKind]; kind != "" {
			f.kinds[string(kind)] = n
		}
	}
	return nil
}

// count refuses what no sum of accepted samples can be.
func count(v model.SampleValue) (int64, error) {
	f := float64(v)
	if math.IsNaN(f) || f < 0 || f > rollup.MaxValue {
		return 0, fmt.Errorf("%v is not a count", f)
	}
	return round(f), nil
}
