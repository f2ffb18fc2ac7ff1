package exclude

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/cozy-telemetry-server/products"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Request says whom to exclude, or to include: clusters that are named, those that have all
// of some things in common, or of the named ones those that have. It is what the commands
// send to a server.
type Request struct {
	// Product is whose instances are meant. Empty: Cozystack's clusters. Names are those of
	// its instances, as they are reported.
	Product  string   `json:"product,omitempty"`
	Names    []string `json:"names,omitempty"`
	Clusters []string `json:"clusters,omitempty"`
	// FirstSeenFrom and FirstSeenTo bound the first report, both included: days such as
	// 2026-03-01, or hours such as 2026-03-01T15, of UTC.
	FirstSeenFrom string `json:"first_seen_from,omitempty"`
	FirstSeenTo   string `json:"first_seen_to,omitempty"`
	// MaxDays is on how many days they were seen at most.
	MaxDays int `json:"max_days,omitempty"`
	// MinNodes is how many nodes they have had at least.
	MinNodes int64 `json:"min_nodes,omitempty"`
	// Like names a cluster with which they share all of a month's series.
	Like string `json:"like,omitempty"`
	// Excluded are all that are excluded, to include them.
	Excluded bool `json:"all_excluded,omitempty"`
	// Reason is noted with each.
	Reason string `json:"reason,omitempty"`
	// Apply carries it out. Else it is only told what would change.
	Apply bool `json:"apply,omitempty"`
}

// usage is an error of a request.
type usage struct{ error }

// maxReason bounds a reason, in bytes: it is kept for each cluster.
const maxReason = 200

// clusterID is what ingest takes for an id.
var clusterID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,253}$`)

// hourLayout is the hour of a day.
const hourLayout = "2006-01-02T15"

// hour is one of UTC, counted from 1970.
type hour int64

func hourOf(date rollup.Date, hourOfDay int) hour { return hour(date)*24 + hour(hourOfDay) }

// span is when the first report came, both ends included.
type span struct{ from, to hour }

const endOfTime = hour(1 << 62)

// check returns what is wrong with a request, and its span.
func (r Request) check() (span, error) {
	s := span{0, endOfTime}
	var errs []error
	bound := func(name, text string, into *hour, ofDay int) {
		if text == "" {
			return
		}
		if t, err := time.Parse(hourLayout, text); err == nil {
			*into = hourOf(rollup.DateOf(t), t.Hour())
		} else if date, err := rollup.ParseDate(text); err == nil {
			*into = hourOf(date, ofDay)
		} else {
			errs = append(errs, fmt.Errorf("%s: %q is not a day such as 2026-03-01, or an hour such as 2026-03-01T15", name, text))
		}
	}
	bound("first-seen-from", r.FirstSeenFrom, &s.from, 0)
	bound("first-seen-to", r.FirstSeenTo, &s.to, 23)
	for _, id := range r.Clusters {
		if !clusterID.MatchString(id) {
			errs = append(errs, fmt.Errorf("%q is not a cluster's id", id))
			break
		}
	}
	switch {
	case s.to < s.from:
		errs = append(errs, fmt.Errorf("first-seen-to: %s is before %s", r.FirstSeenTo, r.FirstSeenFrom))
	case r.MaxDays < 0 || r.MinNodes < 0:
		errs = append(errs, errors.New("max-days and min-nodes must not be negative"))
	case len(r.Reason) > maxReason:
		errs = append(errs, fmt.Errorf("reason: it is longer than %d bytes", maxReason))
	case r.MinNodes > 0 && r.product() != rollup.Cozystack:
		errs = append(errs, fmt.Errorf("min-nodes: %s has no nodes", r.Product))
	case len(r.Clusters)+len(r.Names) == 0 && !r.Excluded && !r.hasCriteria():
		errs = append(errs, errors.New("name clusters, or say what they have in common"))
	}
	if _, err := r.named(func() ([]byte, error) { return nil, nil }); err != nil {
		errs = append(errs, err)
	}
	return s, errors.Join(errs...)
}

// product returns the name of whose instances are meant.
func (r Request) product() string { return cmp.Or(r.Product, rollup.Cozystack) }

// named returns the ids of all that are named.
func (r Request) named(key func() ([]byte, error)) ([]string, error) {
	ids, err := products.IDs(r.Product, r.Names, key)
	return slices.Concat(r.Clusters, ids), err
}

// hasCriteria tells whether anything but names tells the clusters.
func (r Request) hasCriteria() bool {
	return r.FirstSeenFrom != "" || r.FirstSeenTo != "" || r.MaxDays > 0 || r.MinNodes > 0 || r.Like != ""
}
