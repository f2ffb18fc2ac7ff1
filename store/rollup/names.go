package rollup

// Cozystack is the product whose clusters report.
const Cozystack = "cozystack"

// The metrics that the published figures are made of, as Cozystack's clients send
// them.
const (
	MetricInfo         = "cozy_cluster_info"
	MetricNodes        = "cozy_nodes_count"
	MetricApplications = "cozy_application_count"
	// MetricTenants is sent by clients before v1.0; later ones send MetricApplications
	// of KindTenant.
	MetricTenants = "cozy_tenants_count"
)

// MetricClusterNodes is the server's own, and no metric of a report: the sum of a
// report's MetricNodes series. It lets VictoriaMetrics answer a cluster's peak
// exactly, where adding up the peaks of the series would count a node twice whose
// kernel was upgraded.
const MetricClusterNodes = "cozy_cluster_nodes"

// LabelCluster is the label that says whose sample it is. Only the server sets it, in
// what it sends to VictoriaMetrics.
const LabelCluster = "cluster_id"

// LabelInstance is the same label for the samples of every other product.
const LabelInstance = "instance"

// LabelKind is the label of MetricApplications that names the kind, and KindTenant
// the kind of tenants.
const (
	LabelKind  = "kind"
	KindTenant = "Tenant"
)
