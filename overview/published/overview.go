package published

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Overview has the figures of Cozystack's clusters: GET /api/overview.
type Overview struct {
	// GeneratedAt is when the requested month's figures were collected, RFC 3339 in UTC.
	GeneratedAt string          `json:"generated_at"`
	Periods     Periods[Period] `json:"periods"`
}

// ProductOverview has those of another product's instances.
type ProductOverview struct {
	GeneratedAt string                 `json:"generated_at"`
	Product     string                 `json:"product"`
	Aggregate   Aggregate              `json:"aggregate"`
	Periods     Periods[ProductPeriod] `json:"periods"`
}

// Periods are the windows of an answer, which all end with the requested month.
type Periods[P any] struct {
	Month   P `json:"month"`
	Quarter P `json:"quarter"`
	Year    P `json:"year"`
}

// Aggregate says how a quarter and a year are formed from their months.
type Aggregate string

const (
	// Average is the mean of the monthly figures over the months with data.
	Average Aggregate = "average"
	// Distinct is one count over the whole window.
	Distinct Aggregate = "distinct"
)

// Base says which clusters figures are of.
type Base string

const (
	// Seen are all clusters, each with its peak.
	Seen Base = "seen"
	// Confirmed are the clusters that were seen on enough days, each with its
	// second-highest day.
	Confirmed Base = "confirmed"
)

// Names are what a period calls its window.
type Names struct {
	// Label is "March 2026", or "January 2026 — March 2026".
	Label string `json:"label"`
	// Start and End are the first and the last day, 2026-03-01.
	Start string `json:"start"`
	End   string `json:"end"`
}

// Period has the figures of a window.
type Period struct {
	Names
	Counts
	Source rollup.Source `json:"source"`
	// Complete is set when the window has ended and the data covers all of it.
	Complete bool `json:"complete"`
	// Months is how many months of the window have data.
	Months int `json:"months"`
	// UniqueClusters are those of the whole window, ConfirmedClusters those of them that
	// were seen on enough days.
	UniqueClusters    *int64           `json:"unique_clusters,omitempty"`
	ConfirmedClusters *int64           `json:"confirmed_clusters,omitempty"`
	Confirmed         *ConfirmedCounts `json:"confirmed"`
	// Published says which counts stand in the period itself.
	Published Base `json:"published"`
}

// Counts are the figures of clusters.
type Counts struct {
	Clusters             int64  `json:"clusters"`
	TotalNodes           int64  `json:"total_nodes"`
	AvgNodesPerCluster   Tenths `json:"avg_nodes_per_cluster"`
	TotalTenants         int64  `json:"total_tenants"`
	AvgTenantsPerCluster Tenths `json:"avg_tenants_per_cluster"`
	// Apps are by name; every listed application is there.
	Apps map[string]int64 `json:"apps"`
}

// ConfirmedCounts are the figures of the clusters that are confirmed.
type ConfirmedCounts struct {
	Counts
	// Months is how many months of the window it is of, DaysWithData on how many days
	// of them the rollups have seen any cluster.
	Months       int `json:"months"`
	DaysWithData int `json:"days_with_data"`
	// Complete is set when the window has ended and the rollups have seen all of it. The
	// period may be, where its own figures are VictoriaMetrics', and these are not.
	Complete bool `json:"-"`
}

// ProductPeriod has the figures of a window of another product.
type ProductPeriod struct {
	Names
	Instances int64                       `json:"instances"`
	Reports   int64                       `json:"reports"`
	Metrics   map[string]float64          `json:"metrics"`
	Shares    map[string]map[string]int64 `json:"shares"`
	Source    rollup.Source               `json:"source"`
	Complete  bool                        `json:"complete"`
	Months    int                         `json:"months"`
}

// Tenths is a number with one decimal: 52 is 5.2.
type Tenths int64

// PerCluster divides, rounded half away from zero; 0.0 without clusters. Neither number is
// negative.
func PerCluster(total, clusters int64) Tenths {
	if clusters == 0 {
		return 0
	}
	return Tenths((20*total + clusters) / (2 * clusters))
}

// String writes the decimal even where it is 0.
func (t Tenths) String() string { return fmt.Sprintf("%d.%d", t/10, t%10) }

// MarshalJSON writes what String does.
func (t Tenths) MarshalJSON() ([]byte, error) { return []byte(t.String()), nil }

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Tenths) UnmarshalJSON(b []byte) error {
	whole, tenth, _ := strings.Cut(string(b), ".")
	n, err := strconv.ParseInt(whole+tenth, 10, 64)
	*t = Tenths(n)
	return err
}

// Ranked returns what is counted by name: the largest count first, equal ones by name.
func Ranked(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(a, b))
	})
}
