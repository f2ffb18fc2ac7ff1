package published

import "github.com/cozystack/cozystack-telemetry-server/store/rollup"

// Other is the value of all those that too few clusters have.
const Other = "other"

// Breakdown is what the clusters of a month are made of: GET /api/breakdown. It comes from
// the rollups alone. A cluster counts once per dimension, with the newest value.
type Breakdown struct {
	GeneratedAt string         `json:"generated_at"`
	Month       rollup.MonthID `json:"month"`
	Names
	Source       rollup.Source `json:"source"`
	Complete     bool          `json:"complete"`
	DaysWithData int           `json:"days_with_data"`
	// MinShare is of how many clusters a value tells at least. Values that all but fewer
	// have count as if all had them, where a cluster may have several.
	MinShare int64 `json:"min_share"`
	// Clusters are all that the rollups have seen in the month.
	Clusters   int64       `json:"clusters"`
	Dimensions []Dimension `json:"dimensions"`
	Capacity   []Resource  `json:"capacity"`
}

// Names of dimensions.
const (
	ByVersion    = "cozystack_version"
	ByKubernetes = "kubernetes_version" // the minor: v1.31
	ByOS         = "os"
	ByKernel     = "kernel" // major.minor: 6.12
	ByDriver     = "storage_driver"
	ByNodes      = "nodes" // 1, 2–3, 4–6, 7–12, 13–24, 25+
	ByPackage    = "package"
	ByVariant    = "package_variant" // one for each package that is shown
)

// Dimension counts clusters by one thing that they report.
type Dimension struct {
	Name string `json:"dimension"`
	// Package is whose variants they are, for ByVariant alone.
	Package string `json:"package,omitempty"`
	// Clusters is the denominator: how many clusters report it at all.
	Clusters int64 `json:"clusters"`
	// Several is set where a cluster may have more than one value, as it has packages: then
	// the counts add up to more than Clusters, and what too few have is left out.
	Several bool `json:"several"`
	// Values are ranked, the largest first, those of ByNodes by size; Other is the last, with
	// all whose value too few have. There is none where all clusters together are too few.
	Values []Share `json:"values"`
}

// Share is how many clusters have a value.
type Share struct {
	Value    string `json:"value"`
	Clusters int64  `json:"clusters"`
}

// Resource is what all clusters together have of one: of each that its newest report had, the
// highest of the month.
type Resource struct {
	// Resource is as reported: "cpu" in cores, "memory" in bytes, others in pieces.
	Resource string `json:"resource"`
	// Clusters is how many clusters report it.
	Clusters int64   `json:"clusters"`
	Total    float64 `json:"total"`
}
