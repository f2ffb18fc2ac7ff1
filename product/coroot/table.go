// Package coroot is what installations of Coroot report.
package coroot

import (
	"net/http"

	"github.com/cozystack/cozystack-telemetry-server/product"
)

// What no installation can have.
const (
	maxNodes   = 1e6
	maxCount   = 1e8
	maxSeconds = 1e5
)

// Product returns the table.
func Product() product.Product {
	return product.Product{
		Name:     "coroot",
		Routes:   []product.Route{{Path: "/ce/usage-statistics", Methods: []string{http.MethodPost}}},
		Fields:   fields(),
		Figures:  figures(),
		Identify: identify,
	}
}

// fields are what is kept. Clickhouse, tracing, logs and profiles are always set together,
// so the first stands for all.
func fields() []product.Field {
	all := instanceFields()
	all = append(all, infraFields()...)
	return append(all, usageFields()...)
}

// instanceFields are what the installation is, and what it is connected to.
func instanceFields() []product.Field {
	return []product.Field{
		{Path: "instance.uuid", Kind: product.Name},
		{Path: "instance.version", Kind: product.Text, Metric: "version", Label: "version", Words: product.Version(3)},
		{Path: "instance.database_type", Kind: product.Text, Metric: "database", Label: "type", Words: databases()},
		{Path: "instance.edition", Kind: product.Text, Metric: "edition", Label: "edition", Words: editions()},
		{Path: "instance.installation_type", Kind: product.Text, Metric: "installation", Label: "type", Words: installations()},

		{Path: "integration.prometheus", Kind: product.Bool, Metric: "prometheus"},
		{Path: "integration.node_agent", Kind: product.Bool, Metric: "node_agent"},
		{Path: "integration.kube_state_metrics", Kind: product.Bool, Metric: "kube_state_metrics"}, // null: not applicable
		{Path: "integration.cloud_costs", Kind: product.Bool, Metric: "cloud_costs"},
		{Path: "integration.clickhouse", Kind: product.Bool, Metric: "clickhouse"},
		{Path: "integration.java_async_profiler", Kind: product.Bool, Metric: "java_async_profiler"},
		{Path: "integration.fluxcd", Kind: product.Bool, Metric: "fluxcd"},
		{Path: "integration.argocd", Kind: product.Bool, Metric: "argocd"},
		{Path: "integration.pyroscope", Kind: product.Bool, Metric: "pyroscope"},
		{Path: "integration.prometheus_refresh_interval", Kind: product.Gauge, Metric: "prometheus_refresh_interval", Max: maxSeconds},
		{Path: "integration.application_categories", Kind: product.Gauge, Metric: "application_categories", Max: maxCount},
		{Path: "integration.alerting_integrations", Kind: product.Set, Metric: "alerting_integrations", Label: "type", Words: alerting()},
		{Path: "integration.node_agent_versions", Kind: product.Set, Metric: "node_agent_versions", Label: "version", Words: product.Version(3)},
		{
			Path: "integration.inspection_overrides.*.project_level", Kind: product.Gauge, Max: maxCount,
			Metric: "inspection_overrides", Label: "inspection", Words: inspections(),
		},
		{
			Path: "integration.inspection_overrides.*.application_level", Kind: product.Gauge, Max: maxCount,
			Metric: "inspection_overrides", Label: "inspection", Words: inspections(),
		},

		{Path: "stack.clouds", Kind: product.Set, Metric: "clouds", Label: "cloud", Words: clouds()},
		{Path: "stack.services", Kind: product.Set, Metric: "services", Label: "service", Words: services()},
		{Path: "stack.instrumented_services", Kind: product.Set, Metric: "instrumented_services", Label: "service", Words: services()},
		{Path: "stack.instrumented_service", Kind: product.Set, Metric: "instrumented_services", Label: "service", Words: services()},
	}
}

// infraFields are the size of what is observed. A Coroot that has not loaded its world
// yet has 0 in all that are marked.
func infraFields() []product.Field {
	return []product.Field{
		{Path: "infra.projects", Kind: product.Gauge, Metric: "projects", Max: maxNodes},
		{Path: "infra.nodes", Kind: product.Gauge, Metric: "nodes", Max: maxNodes, Zero: product.Together},
		{Path: "infra.cpu_cores", Kind: product.Gauge, Metric: "cpu_cores", Max: maxCount, Zero: product.Together},
		{Path: "infra.gpus", Kind: product.Gauge, Metric: "gpus", Max: maxCount},
		{Path: "infra.applications", Kind: product.Gauge, Metric: "applications", Max: maxCount, Zero: product.Together},
		{Path: "infra.instances", Kind: product.Gauge, Metric: "instances", Max: maxCount, Zero: product.Together},
		{
			Path: "infra.applications_by_kind.*.applications", Kind: product.Gauge, Max: maxCount,
			Metric: "applications_by_kind", Label: "kind", Words: applicationKinds(),
		},
		{
			Path: "infra.applications_by_kind.*.instances", Kind: product.Gauge, Max: maxCount,
			Metric: "instances_by_kind", Label: "kind", Words: applicationKinds(),
		},
		{Path: "infra.kernel_versions", Kind: product.Set, Metric: "kernel_versions", Label: "version", Words: product.Version(2)},
		{Path: "infra.deployments", Kind: product.LastHour, Metric: "deployments", Max: maxCount},
		{
			Path: "infra.deployment_summaries.*", Kind: product.LastHour, Max: maxCount,
			Metric: "deployment_summaries", Label: "change", Words: changes,
		},
	}
}

// usageFields are how it is used. Views and calls are counted without their paths, and
// browsers without their ids. A browser is in each hour's count, so those are not added.
func usageFields() []product.Field {
	return []product.Field{
		{Path: "ux.world_load_time_avg", Kind: product.Daily, Metric: "world_load_time_avg", Max: maxSeconds, Fraction: true, Zero: product.Together},
		{Path: "ux.audit_time_avg", Kind: product.Daily, Metric: "audit_time_avg", Max: maxSeconds, Fraction: true, Zero: product.Never},
		{Path: "ux.users", Kind: product.Length, Metric: "users"},
		{Path: "ux.users_by_screen_size.*", Kind: product.Daily, Metric: "users_by_screen_size", Label: "size", Max: maxCount, Words: screens()},
		{Path: "ux.users_by_theme.*", Kind: product.Daily, Metric: "users_by_theme", Label: "theme", Max: maxCount, Words: themes()},
		{Path: "ux.users_by_role.*", Kind: product.Gauge, Metric: "users_by_role", Label: "role", Max: maxCount, Words: roles()},
		{Path: "ux.page_views.*", Kind: product.Difference, Metric: "page_views", Max: maxCount},
		{Path: "ux.api_calls.*", Kind: product.Difference, Metric: "api_calls", Max: maxCount},
		{Path: "ux.mcp_calls.*", Kind: product.Difference, Metric: "mcp_calls", Max: maxCount},
		{Path: "ux.sent_notifications.*", Kind: product.LastHour, Metric: "sent_notifications", Label: "type", Max: maxCount, Words: alerting()},
	}
}

// figures are what a month shows. Sums of what is added up are a lower bound: whoever asks
// a Coroot for its statistics sets its counters back.
func figures() []product.Figure {
	const size = product.Sum | product.Median | product.P90
	return []product.Figure{
		{Name: "nodes", Of: "nodes", As: size},
		{Name: "cpu_cores", Of: "cpu_cores", As: size},
		{Name: "applications", Of: "applications", As: size},
		{Name: "instances", Of: "instances", As: size},
		{Name: "projects", Of: "projects", As: size},
		{Name: "gpus", Of: "gpus", As: product.Sum},
		{Name: "world_load_time_seconds", Of: "world_load_time_avg", As: product.Median | product.P90},
		{Name: "audit_time_seconds", Of: "audit_time_avg", As: product.Median | product.P90},
		{Name: "deployments", Of: "deployments", As: product.Sum},
		{Name: "sent_notifications", Of: "sent_notifications", As: product.Sum},
		{Name: "page_views", Of: "page_views", As: product.Sum},
		{Name: "api_calls", Of: "api_calls", As: product.Sum},
		{Name: "mcp_calls", Of: "mcp_calls", As: product.Sum},

		{Name: "version", Of: "version", As: product.Newest, Labels: []string{"version"}},
		{Name: "edition", Of: "edition", As: product.Newest, Labels: []string{"edition"}},
		{Name: "installation", Of: "installation", As: product.Newest, Labels: []string{"type"}},
		{Name: "database", Of: "database", As: product.Newest, Labels: []string{"type"}},

		{Name: "prometheus", Of: "prometheus", As: product.Adoption},
		{Name: "node_agent", Of: "node_agent", As: product.Adoption},
		{Name: "kube_state_metrics", Of: "kube_state_metrics", As: product.Adoption},
		{Name: "cloud_costs", Of: "cloud_costs", As: product.Adoption},
		{Name: "clickhouse", Of: "clickhouse", As: product.Adoption},
		{Name: "java_async_profiler", Of: "java_async_profiler", As: product.Adoption},
		{Name: "fluxcd", Of: "fluxcd", As: product.Adoption},
		{Name: "argocd", Of: "argocd", As: product.Adoption},
		{Name: "pyroscope", Of: "pyroscope", As: product.Adoption},

		{Name: "clouds", Of: "clouds", As: product.Members, Labels: []string{"cloud"}},
		{Name: "services", Of: "services", As: product.Members, Labels: []string{"service"}},
		{Name: "instrumented_services", Of: "instrumented_services", As: product.Members, Labels: []string{"service"}},
		{Name: "alerting", Of: "alerting_integrations", As: product.Members, Labels: []string{"type"}},
		{Name: "kernels", Of: "kernel_versions", As: product.Members, Labels: []string{"version"}},
		{Name: "inspections_overridden", Of: "inspection_overrides", As: product.Members, Labels: []string{"inspection"}},
	}
}
