package published

import "github.com/cozystack/cozystack-telemetry-server/store/rollup"

// History has the figures of many months: GET /api/history.
type History struct {
	// GeneratedAt is when the newest of the figures were collected.
	GeneratedAt string `json:"generated_at"`
	// From and To are the first and the last month, 2025-01. There is a row for each month
	// between them, also for one of which nothing is known.
	From   rollup.MonthID `json:"from"`
	To     rollup.MonthID `json:"to"`
	Months []HistoryMonth `json:"months"`
}

// HistoryMonth has what an overview says of its month: nil where nothing is known of it.
type HistoryMonth struct {
	Month rollup.MonthID `json:"month"`
	// All of these are nil, or none but those that a period may lack too.
	Clusters             *int64           `json:"clusters"`
	TotalNodes           *int64           `json:"total_nodes"`
	AvgNodesPerCluster   *Tenths          `json:"avg_nodes_per_cluster"`
	TotalTenants         *int64           `json:"total_tenants"`
	AvgTenantsPerCluster *Tenths          `json:"avg_tenants_per_cluster"`
	Apps                 map[string]int64 `json:"apps"`
	ConfirmedClusters    *int64           `json:"confirmed_clusters"`
	Confirmed            *ConfirmedCounts `json:"confirmed"`
	// DaysWithData counts the month's days on which any cluster was seen.
	DaysWithData *int           `json:"days_with_data"`
	Source       *rollup.Source `json:"source"`
	Complete     *bool          `json:"complete"`
	Published    *Base          `json:"published"`
}

// ProductHistory does for another product what History does for Cozystack.
type ProductHistory struct {
	GeneratedAt string                `json:"generated_at"`
	Product     string                `json:"product"`
	From        rollup.MonthID        `json:"from"`
	To          rollup.MonthID        `json:"to"`
	Months      []ProductHistoryMonth `json:"months"`
}

// ProductHistoryMonth has what a product's overview says of its month.
type ProductHistoryMonth struct {
	Month        rollup.MonthID              `json:"month"`
	Instances    *int64                      `json:"instances"`
	Reports      *int64                      `json:"reports"`
	Metrics      map[string]float64          `json:"metrics"`
	Shares       map[string]map[string]int64 `json:"shares"`
	DaysWithData *int                        `json:"days_with_data"`
	Source       *rollup.Source              `json:"source"`
	Complete     *bool                       `json:"complete"`
}
