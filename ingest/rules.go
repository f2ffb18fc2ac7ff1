package ingest

import "github.com/cozystack/cozystack-telemetry-server/store/rollup"

// Why a sample is left out that comes another way than by POST.
const (
	whyName        = "name"
	whyLimit       = "limit"
	whyImplausible = "implausible"
)

// Rules hold samples that come another way than by POST to what a report is held
// to, so that nothing comes in that no report could bring. Their methods may be
// called concurrently.
type Rules struct{ limits Limits }

// NewRules returns the rules of limits. It fails on impossible ones.
func NewRules(limits Limits) (Rules, error) {
	limits = limits.withDefaults()
	return Rules{limits}, limits.Check()
}

// Cluster tells whether a text can be a cluster's id.
func (r Rules) Cluster(id string) bool { return validClusterID(id) }

// Series returns in a word why no report brings a series, "" if one may. The
// labels do not hold cluster_id.
func (r Rules) Series(metric string, labels []rollup.Label) (why string) {
	switch {
	case r.limits.checkLabels(metric, labels) != nil:
		return whyLimit
	case !r.limits.allows(metric):
		return whyName
	}
	return ""
}

// Report returns in a word why no report has these samples, of which each series
// stands once; "" if one may have them. If it may, it may also have fewer and
// lower ones.
func (r Rules) Report(samples []rollup.Sample) (why string) {
	if len(samples) > r.limits.Samples {
		return whyLimit
	}
	var sums sums
	for _, s := range samples {
		sums[figureOf(s.Series.Metric(), s.Series)] += s.Value
	}
	if r.limits.checkPlausible(sums, samples) != nil {
		return whyImplausible
	}
	return ""
}
