package others

import (
	"encoding/base64"
	"fmt"
	"math"
	"time"
)

// installation is a Coroot.
type installation struct {
	*life
	uuid                     string
	unnamed                  bool // could not keep its id
	edition, kind, database  string
	minor, patch             int
	old                      bool // from before some fields
	nodes, applications      int
	projects, gpus           int
	metrics                  *bool // null: does not apply
	clickhouse, costs, agent bool
	clouds, services         []spelling
	override                 string
	kernel                   int
	// fresh is a process that has not reported yet: it has counted nothing, and its world is
	// mostly not loaded.
	fresh bool
	// deployments and notifications are those of the clock hour of that number.
	hour                       int64
	deployments, notifications int
}

func newCoroot(l *life) {
	c := &installation{life: l, uuid: l.uuid(fmt.Sprintf("%08x", l.Uint32())), unnamed: l.chance(0.02), old: l.chance(0.05)}
	c.edition, c.kind, c.database = l.of("Community", "Community", "Enterprise"), l.of("k8s-operator", "helm", "docker", "home-made"), l.of("sqlite", "postgres")
	c.minor, c.patch = 15+l.IntN(5), l.IntN(3)
	c.nodes, c.applications = 1+int(l.ExpFloat64()*15), 1+int(l.ExpFloat64()*40)
	c.projects, c.gpus = 1+l.IntN(3), l.upTo(4)*l.upTo(1)
	if applies := l.chance(0.5); l.chance(0.7) {
		c.metrics = &applies
	}
	c.clickhouse, c.costs, c.agent = l.chance(0.6), l.chance(0.4), l.chance(0.9)
	c.clouds = some(l.draw, same("aws"), same("gcp"), same("hetzner"), spelling{Canary + "-cloud", "other"})
	c.services = some(l.draw, same("postgres"), same("redis"), same("kafka"), same("nginx"), spelling{Canary + "-service", "other"}, spelling{"", "unknown"})
	c.override = l.of("", "CPUNode", "NetworkRTT", "MemoryOOM")
	l.start, l.send = c.begin, c.request
}

func same(word string) spelling { return spelling{word, word} }

func some(d draw, all ...spelling) (chosen []spelling) {
	for _, s := range all {
		if d.chance(0.3) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

func sent(all []spelling) any {
	if len(all) == 0 {
		return nil // as Go has it
	}
	texts := make([]string, len(all))
	for i, s := range all {
		texts[i] = s.sent
	}
	return texts
}

func shown(all []spelling) (texts []string) {
	for _, s := range all {
		texts = append(texts, s.shown)
	}
	return texts
}

func (c *installation) begin(first bool) {
	c.fresh = true
	if first {
		return
	}
	if c.chance(0.5) {
		c.minor, c.patch = c.minor+1, 0
	}
	c.old = c.old && c.chance(0.5)
	c.clickhouse = c.clickhouse || c.chance(0.1)
	c.kernel += c.upTo(1) * c.upTo(1)
	c.nodes = max(1, c.nodes+c.upTo(2)-1)
}

// installationState is what a report has.
type installationState struct {
	uuid                                     string
	version, edition, kind, database, kernel string
	flags                                    map[string]bool
	clouds, services, alerting               []string
	override                                 string
	loaded                                   bool
	nodes, cores, applications, instances    int
	projects, gpus                           int
	load, audit                              float64 // seconds, 0: not measured
	deployments, views, calls, tools         int
	slack, other                             int // notifications
}

func (c *installation) request() request {
	s := installationState{
		uuid: c.uuid, version: fmt.Sprintf("1.%d.%d", c.minor, c.patch), edition: c.edition, kind: c.kind, database: c.database,
		kernel: fmt.Sprintf("6.%d", 6+c.kernel), clouds: shown(c.clouds), services: shown(c.services), override: c.override,
		loaded: !c.fresh || c.chance(0.3), projects: c.projects, gpus: c.gpus, alerting: []string{"slack", "other"},
	}
	if c.kind == "home-made" {
		s.kind = "other"
	}
	s.flags = map[string]bool{"prometheus": true, "node_agent": c.agent, "cloud_costs": c.costs, "clickhouse": c.clickhouse, "argocd": false}
	if c.metrics != nil {
		s.flags["kube_state_metrics"] = *c.metrics
	}
	if s.loaded {
		s.nodes, s.cores, s.applications, s.instances = c.nodes, c.nodes*8, c.around(c.applications), c.applications*3
		s.load = milliseconds(30 + c.upTo(200))
		c.count(&s)
	}
	if !c.fresh {
		s.views, s.calls, s.tools = c.upTo(40), c.upTo(90), c.upTo(5)
		s.audit = milliseconds(5 + c.upTo(50))
	}
	c.fresh = false
	if c.unnamed {
		s.uuid = ""
	}
	r := request{state: s, method: "POST", path: "/ce/usage-statistics", agent: "Go-http-client/1.1", typed: true, body: c.body(s)}
	if c.old {
		s.kind = ""
		delete(r.body["instance"].(map[string]any), "installation_type")
		r.state = s
	}
	return r
}

// milliseconds returns seconds that are no sum of powers of two.
func milliseconds(n int) float64 { return math.Round(float64(n)) / 1000 }

// count counts what happened in the last hour: a restart within it says the same again, or
// more.
func (c *installation) count(s *installationState) {
	if hour := c.at.Unix() / 3600; hour != c.hour {
		c.hour, c.deployments, c.notifications = hour, 0, 0
	}
	c.deployments, c.notifications = c.deployments+c.upTo(2), c.notifications+c.upTo(1)
	s.deployments, s.slack, s.other = c.deployments, c.notifications, c.notifications/2
}

func (c *installation) body(s installationState) map[string]any {
	integration := map[string]any{
		"prometheus_refresh_interval": 15, "kube_state_metrics": nil, "alerting_integrations": []string{"slack", Canary},
		"node_agent_versions": []string{"1.26.2"}, "tracing": c.clickhouse, "logs": c.clickhouse, "profiles": c.clickhouse,
		"inspection_overrides": map[string]any{"StorageSpace": map[string]int{"project_level": 0, "application_level": 0}},
	}
	if c.override != "" {
		integration["inspection_overrides"] = map[string]any{c.override: map[string]int{"project_level": 1, "application_level": 2}}
	}
	for name, on := range s.flags {
		integration[name] = on
	}
	instrumented := "instrumented_services"
	if c.old {
		instrumented = "instrumented_service"
	}
	return map[string]any{
		"instance": map[string]any{
			"uuid": s.uuid, "version": s.version, "database_type": c.database, "edition": c.edition, "installation_type": c.kind,
		},
		"integration": integration,
		"stack":       map[string]any{"clouds": sent(c.clouds), "services": sent(c.services), instrumented: sent(c.services)},
		"infra": map[string]any{
			"projects": s.projects, "nodes": s.nodes, "cpu_cores": s.cores, "gpus": s.gpus, "applications": s.applications, "instances": s.instances,
			"deployments": s.deployments, "applications_by_kind": map[string]any{"Deployment": map[string]int{"applications": s.applications, "instances": s.instances}},
			"deployment_summaries": map[string]int{"-CPU": s.deployments}, "kernel_versions": []string{s.kernel + ".64-talos"},
		},
		"ux":          c.usage(s),
		"performance": map[string]any{"components": []string{Canary + "-namespace"}, "queries": map[string]any{Canary + "{namespace=\"x\"}": nil}},
		"profile":     map[string]any{"from": c.at.Unix(), "cpu": base64.StdEncoding.EncodeToString([]byte(Canary)), "memory": Canary + "PROFILE"},
	}
}

func (c *installation) usage(s installationState) map[string]any {
	usage := map[string]any{
		"world_load_time_avg": s.load, "audit_time_avg": s.audit, "users": []string{c.uuid4(), c.uuid4()},
		"users_by_screen_size": map[string]int{"xl": 2}, "users_by_theme": map[string]int{"": 1, "dark": 1}, "users_by_role": map[string]int{"Admin": 1},
		"page_views": map[string]int{"/p/" + Canary: s.views / 2, "": s.views - s.views/2},
		"api_calls":  map[string]int{"/api/" + Canary: s.calls}, "mcp_calls": map[string]int{Canary: s.tools},
		"sent_notifications": map[string]int{"slack": s.slack, Canary: s.other},
	}
	if s.tools == 0 {
		usage["mcp_calls"] = nil
	}
	return usage
}

// uuid4 is the id of a browser.
func (c *installation) uuid4() string { return c.draw.uuid(Digits) }

func (s installationState) unit() string { return s.uuid }

func (s installationState) tell(seen *seen, at time.Time) {
	for name, text := range map[string]string{"version": s.version, "edition": s.edition, "installation": s.kind, "database": s.database} {
		if text != "" {
			seen.text(name, text)
		}
	}
	for name, on := range s.flags {
		seen.flag(name, on)
	}
	seen.set("clouds", s.clouds...)
	seen.set("services", s.services...)
	seen.set("instrumented_services", s.services...)
	seen.set("alerting", s.alerting...)
	seen.set("kernels", s.kernel)
	if s.override != "" {
		seen.set("inspections_overridden", s.override)
	}
	seen.gauge("projects", float64(s.projects))
	seen.gauge("gpus", float64(s.gpus))
	if s.loaded {
		for name, n := range map[string]int{"nodes": s.nodes, "cpu_cores": s.cores, "applications": s.applications, "instances": s.instances} {
			seen.gauge(name, float64(n))
		}
		seen.day("world_load_time_seconds", at, s.load)
	}
	if s.audit > 0 {
		seen.day("audit_time_seconds", at, s.audit)
	}
	for name, n := range map[string]int{
		"deployments": s.deployments, "slack": s.slack, "other": s.other, "page_views": s.views, "api_calls": s.calls, "mcp_calls": s.tools,
	} {
		seen.hour(name, at, float64(n))
	}
}
