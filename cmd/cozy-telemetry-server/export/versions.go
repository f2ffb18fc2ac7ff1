package export

import (
	"cmp"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// versions are what a cluster runs; "" is not known.
type versions struct{ cozystack, kubernetes string }

// highestVersions returns the highest versions of some months: which one was the
// last is not kept of them.
func highestVersions(peaks []rollup.Peak) (v versions) {
	for _, p := range peaks {
		if p.Series.Metric() == rollup.MetricInfo {
			v.raise(p.Series)
		}
	}
	return v
}

// latestVersions returns the versions of the latest hour that has any; the highest
// ones, if that hour had several.
func latestVersions(points []rollup.Point) (v versions) {
	latest := -1
	for _, p := range points {
		if p.Series.Metric() != rollup.MetricInfo || int(p.Hour) < latest {
			continue
		}
		if int(p.Hour) > latest {
			latest, v = int(p.Hour), versions{}
		}
		v.raise(p.Series)
	}
	return v
}

func (v *versions) raise(s rollup.Series) {
	v.cozystack = higher(v.cozystack, s.Label("cozystack_version"))
	v.kubernetes = higher(v.kubernetes, s.Label("kubernetes_version"))
}

// higher returns the higher of two versions. What is none is below all.
func higher(a, b string) string {
	if cmp.Or(semver.Compare(a, b), strings.Compare(a, b)) < 0 {
		return b
	}
	return a
}
