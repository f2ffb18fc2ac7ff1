package census

import (
	"slices"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// A cluster has any number of packages and of resources. So their counts add up to no total,
// and what is hidden can't be told from those that are shown; there are no others. But few
// clusters that are without one could be told from the total, and may be just those that
// another dimension hides: then all count as having it.

// pack is a package that is shown.
type pack struct {
	name string
	// clusters are those that report it, and lacking few others that count as if they did.
	clusters count
	lacking  int64
	// variants have the counts of those that report it.
	variants map[string]count
}

// completed returns how many of all count as having what some of them have.
func (r *reading) completed(some, all count) count {
	if all.minus(some).few(r.cfg.MinShare) {
		return all
	}
	return some
}

// shownOf returns what enough clusters have, the most first.
func (r *reading) shownOf(t *tally[string]) (values []string) {
	for _, value := range ranking(t.counts, strings.Compare) {
		if !t.counts[value].few(r.cfg.MinShare) && len(values) < maxShown {
			values = append(values, value)
		}
	}
	return values
}

func (r *reading) showPackages(reporting count) (shown []pack) {
	for _, name := range r.shownOf(r.packages) {
		clusters := r.packages.counts[name]
		lacking := r.completed(clusters, reporting).minus(clusters).seen
		shown = append(shown, pack{name, clusters, lacking, make(map[string]count)})
	}
	places := make(map[string]int, len(shown))
	for i, p := range shown {
		places[p.name] = i
	}
	for v, c := range r.variants.counts {
		if i, ok := places[v.pkg]; ok {
			shown[i].variants[v.name] = c
		}
	}
	for _, p := range shown {
		t := tally[string]{counts: p.variants, order: strings.Compare}
		t.keep(maxKept)
		among(&t, p.clusters)
	}
	return shown
}

func (r *reading) showCapacity() (shown []published.Resource) {
	shown = []published.Resource{} // an answer lists none, not nothing
	for _, name := range r.shownOf(r.capacity) {
		c := r.capacity.counts[name]
		shown = append(shown, published.Resource{Resource: name, Clusters: r.completed(c, r.all).seen, Total: c.total})
	}
	slices.SortFunc(shown, func(a, b published.Resource) int { return strings.Compare(a.Resource, b.Resource) })
	return shown
}
