package product_test

import (
	"maps"
	"math"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// fleet folds reports as the server does: each into its day, days into months.
type fleet struct {
	*testing.T
	product product.Product
	decoder *product.Decoder
	days    map[string]map[rollup.Date]rollup.Day // by name
}

func newFleet(t *testing.T, p product.Product) *fleet {
	t.Helper()
	decoder, err := product.NewDecoder(p, false)
	if err != nil {
		t.Fatal(err)
	}
	return &fleet{t, p, decoder, make(map[string]map[rollup.Date]rollup.Day)}
}

// report takes a report of an hour such as "2026-03-01T12".
func (f *fleet) report(hour, agent, body string) {
	f.Helper()
	received, err := time.Parse("2006-01-02T15", hour)
	if err != nil {
		f.Fatal(err)
	}
	r, err := f.decoder.Decode(nil, []byte(body), func(string) string { return agent })
	if err != nil || len(r.LeftOut) > 0 {
		f.Fatal(r.LeftOut, err)
	}
	if r.Name == "" {
		return
	}
	if f.days[r.Name] == nil {
		f.days[r.Name] = make(map[rollup.Date]rollup.Day)
	}
	day := rollup.DateOf(received)
	f.days[r.Name][day] = f.days[r.Name][day].Merge(rollup.FromReport(rollup.Report{Received: received, Samples: r.Samples}))
}

// figures counts the window from one month to another.
func (f *fleet) figures(from, to string) product.Figures {
	f.Helper()
	first, err := rollup.ParseMonth(from)
	if err != nil {
		f.Fatal(err)
	}
	last, err := rollup.ParseMonth(to)
	if err != nil {
		f.Fatal(err)
	}
	tally := product.NewTally(f.product)
	for name, days := range f.days {
		months := make(map[rollup.MonthID]rollup.Month)
		for date, day := range days {
			switch id := date.Month(); {
			case id < first || id > last:
			case f.product.Sessions:
				tally.AddSession(date, day)
			default:
				months[id] = months[id].Merge(rollup.FromDay(date.DayOfMonth(), day))
			}
		}
		for id, month := range months {
			tally.Add(id, rollup.InstanceMonth{Instance: name, Month: month})
		}
	}
	return tally.Figures()
}

// check holds figures to what was reckoned by hand; metrics that are not named must be 0
// or not there.
func (f *fleet) check(got product.Figures, want product.Figures) {
	f.Helper()
	if got.Instances != want.Instances || got.Days != want.Days {
		f.Errorf("%d instances on %d days, want %d on %d", got.Instances, got.Days, want.Instances, want.Days)
	}
	for name, v := range got.Metrics {
		if math.Abs(v-want.Metrics[name]) > 1e-9 {
			f.Errorf("%s is %v, want %v", name, v, want.Metrics[name])
		}
	}
	for name, v := range want.Metrics {
		if _, ok := got.Metrics[name]; !ok {
			f.Errorf("%s is not there, want %v", name, v)
		}
	}
	for name, counts := range got.Shares {
		if len(counts)+len(want.Shares[name]) > 0 && !maps.Equal(counts, want.Shares[name]) {
			f.Errorf("%s is %v, want %v", name, counts, want.Shares[name])
		}
	}
}

type (
	metrics = map[string]float64
	shares  = map[string]map[string]int64
)

// synapses is a month and a half of three homeservers.
func synapses(t *testing.T) *fleet {
	f := newFleet(t, synapse.Product())
	// One homeserver is upgraded at noon of the second day. Of a day the highest counts.
	f.report("2026-03-01T09", "Synapse/1.157.1", `{"homeserver":"A.example","total_users":160,"total_nonbridged_users":120,
		"monthly_active_users":31,"daily_active_users":4,"total_room_count":340,"daily_messages":110,"daily_e2ee_messages":20,
		"daily_active_rooms":15,"daily_active_e2ee_rooms":5,"daily_user_type_native":2,"daily_user_type_bridged":1,
		"r30v2_users_all":9,"r30v2_users_web":5,"database_engine":"psycopg2","database_server_version":"15.8","python_version":"3.11.2"}`)
	f.report("2026-03-02T09", "Synapse/1.157.1", `{"homeserver":"a.example","total_users":161,"daily_active_users":5,"daily_messages":90,"daily_e2ee_messages":40,"daily_user_type_native":0}`)
	f.report("2026-03-02T12", "Synapse/1.158.0", `{"homeserver":"a.example","total_users":161,"daily_active_users":8,"daily_messages":80,"daily_e2ee_messages":30,"python_version":"3.12.0"}`)
	// One is Dendrite, small, and seen on one day.
	f.report("2026-03-02T23", "Dendrite/0.13.8", `{"homeserver":"b.example","version":"0.13.8","total_users":3,"monthly_active_users":1,
		"daily_active_users":1,"total_room_count":0,"daily_messages":5,"daily_e2ee_messages":5,"database_engine":"SQLite","database_server_version":"3.45.1"}`)
	// One has nobody, and is seen again in April. It does not say what part is encrypted.
	f.report("2026-03-05T01", "Synapse/1.9.0", `{"homeserver":"c.example","total_users":0,"monthly_active_users":0,"daily_active_users":0,"database_engine":"sqlite3","database_server_version":"3.22.0",
		"daily_messages":7,"daily_active_e2ee_rooms":9}`)
	f.report("2026-03-05T01", "Synapse/1.10.0", `{"homeserver":"c.example","total_users":0}`)
	f.report("2026-04-01T01", "Synapse/1.158.0", `{"homeserver":"c.example","total_users":2,"monthly_active_users":2,"daily_active_users":2}`)
	return f
}

func TestSynapseMonth(t *testing.T) {
	f := synapses(t)
	f.check(f.figures("2026-03", "2026-03"), product.Figures{
		Instances: 3,
		Days:      3, // the 1st, 2nd and 5th
		Metrics: metrics{
			"users":                      161 + 3 + 0,
			"nonbridged_users":           120,
			"monthly_active_users":       31 + 1 + 0,
			"daily_active_users":         (4.0+8)/2 + 1 + 0,
			"rooms":                      340,
			"messages_per_day":           (110.0+90)/2 + 5 + 7,
			"encrypted_messages_per_day": (20.0+40)/2 + 5,
			"encrypted_messages_percent": 100 * 35.0 / (35 + 105),
			"encrypted_rooms_percent":    100 * 5.0 / (5 + 15),
			"new_users_per_day_native":   (2.0 + 0) / 2,
			"new_users_per_day_bridged":  1,
			"r30v2_users_all":            9,
			"r30v2_users_web":            5,
		},
		Shares: shares{
			"homeservers":     {"with users": 2, "without users": 1},
			"size":            {"21-100": 1, "1": 1, "0": 1},
			"server":          {"synapse": 2, "dendrite": 1},
			"version":         {"synapse 1.158": 1, "dendrite 0.13": 1, "synapse 1.10": 1}, // of one hour the higher
			"database_engine": {"postgresql": 1, "sqlite": 2},
			"database":        {"postgresql 15": 1, "sqlite 3": 2},
			"python":          {"3.12": 1},
		},
	})
}

// A window counts each homeserver once, with all of its days.
func TestSynapseWindow(t *testing.T) {
	f := synapses(t)
	got := f.figures("2026-03", "2026-04")
	if got.Instances != 3 || got.Days != 4 {
		t.Errorf("%d instances on %d days", got.Instances, got.Days)
	}
	for name, want := range (metrics{"users": 161 + 3 + 2, "monthly_active_users": 31 + 1 + 2, "daily_active_users": 6 + 1 + (0.0+2)/2}) {
		if got.Metrics[name] != want {
			t.Errorf("%s is %v, want %v", name, got.Metrics[name], want)
		}
	}
	if want := map[string]int64{"synapse 1.158": 2, "dendrite 0.13": 1}; !maps.Equal(got.Shares["version"], want) {
		t.Errorf("versions are %v", got.Shares["version"])
	}
	if want := map[string]int64{"with users": 3}; !maps.Equal(got.Shares["homeservers"], want) {
		t.Errorf("homeservers are %v", got.Shares["homeservers"])
	}
}

func TestCorootMonth(t *testing.T) {
	f := newFleet(t, coroot.Product())
	// A restart repeats an hour; another day adds to it.
	for _, hour := range []string{"2026-03-01T09", "2026-03-01T09", "2026-03-01T10", "2026-03-04T09"} {
		f.report(hour, "Go-http-client/1.1", `{"instance":{"uuid":"a","version":"1.22.0","database_type":"sqlite","edition":"Community","installation_type":"k8s-operator"},
			"integration":{"prometheus":true,"node_agent":true,"kube_state_metrics":null,"clickhouse":true,"tracing":true,"inspection_overrides":{"CPUNode":{"project_level":1,"application_level":0},"LogErrors":{"project_level":0,"application_level":0}}},
			"stack":{"clouds":["aws","hetzner"],"services":["redis"]},
			"infra":{"projects":2,"nodes":10,"cpu_cores":80,"applications":18,"instances":50,"gpus":1,"deployments":2},
			"ux":{"world_load_time_avg":0.2,"audit_time_avg":0.1,"page_views":{"/a":3,"/b":1},"api_calls":{"/x":5},"mcp_calls":null,"sent_notifications":{"slack":4,"teams":1}}}`)
	}
	// An upgrade, and a restart that has not loaded its world yet.
	f.report("2026-03-04T10", "", `{"instance":{"uuid":"A","version":"1.23.1","edition":"Community"},"integration":{"prometheus":false,"kube_state_metrics":false},
		"infra":{"projects":2,"nodes":0,"cpu_cores":0,"applications":0,"instances":0},"ux":{"world_load_time_avg":0,"audit_time_avg":0,"page_views":{"/a":2}}}`)
	f.report("2026-03-04T11", "", `{"instance":{"uuid":"b","version":"1.9.0","edition":"Enterprise"},"integration":{"prometheus":false,"node_agent":true,"kube_state_metrics":true,"clickhouse":false},
		"stack":{"clouds":["aws"]},"infra":{"projects":1,"nodes":20,"cpu_cores":10,"applications":2,"instances":3,"deployments":1},"ux":{"world_load_time_avg":0.4,"audit_time_avg":0.3}}`)
	// Never loaded: it counts, and its size does not.
	f.report("2026-03-04T11", "", `{"instance":{"uuid":"c","version":"1.9.0"},"infra":{"projects":1,"nodes":0,"cpu_cores":0,"applications":0,"instances":0},"ux":{"world_load_time_avg":0}}`)
	f.report("2026-03-04T11", "", `{"instance":{"uuid":"","version":"1.9.0"},"infra":{"projects":7,"nodes":7}}`)

	f.check(f.figures("2026-03", "2026-03"), product.Figures{
		Instances: 3,
		Days:      2,
		Metrics: metrics{
			"nodes": 30, "nodes_median": 15, "nodes_p90": 20,
			"cpu_cores": 90, "cpu_cores_median": 45, "cpu_cores_p90": 80,
			"applications": 20, "applications_median": 10, "applications_p90": 18,
			"instances": 53, "instances_median": 26.5, "instances_p90": 50,
			"projects": 4, "projects_median": 1, "projects_p90": 2,
			"gpus":                           1,
			"world_load_time_seconds_median": 0.3, "world_load_time_seconds_p90": 0.4,
			"audit_time_seconds_median": 0.2, "audit_time_seconds_p90": 0.3,
			"deployments":                2*3 + 1, // three clock hours
			"sent_notifications":         5 * 3,
			"page_views":                 4*3 + 2,
			"api_calls":                  5 * 3,
			"mcp_calls":                  0,
			"prometheus_percent":         50,
			"node_agent_percent":         100,
			"kube_state_metrics_percent": 50, // of the two that it applies to
			"clickhouse_percent":         50,
		},
		Shares: shares{
			"version":                {"1.23.1": 1, "1.9.0": 2},
			"edition":                {"Community": 1, "Enterprise": 1},
			"installation":           {"k8s-operator": 1},
			"database":               {"sqlite": 1},
			"prometheus":             {"yes": 1, "no": 1},
			"node_agent":             {"yes": 2},
			"kube_state_metrics":     {"yes": 1, "no": 1},
			"clickhouse":             {"yes": 1, "no": 1},
			"clouds":                 {"aws": 2, "hetzner": 1},
			"services":               {"redis": 1},
			"inspections_overridden": {"CPUNode": 1},
		},
	})
}

func TestKubeAtlasMonth(t *testing.T) {
	f := newFleet(t, kubeatlas.Product())
	report := func(hour, nonce, more string) {
		f.report(hour, "Go-http-client/1.1", `{"schema_version":"1.0","session_nonce":"`+nonce+`","os":"linux","arch":"amd64",`+more+`}`)
	}
	a, b := "9f86d081884c7d659a2feaa0c55ad015", "0f86d081884c7d659a2feaa0c55ad015"
	// A repeat within a day, and the same process on another day.
	report("2026-03-01T00", a, `"kubeatlas_version":"1.5.0","cluster_count":1,"enabled_packs":["argocd"]`)
	report("2026-03-01T00", a, `"kubeatlas_version":"1.5.0","cluster_count":1,"enabled_packs":["argocd"]`)
	report("2026-03-01T00", b, `"kubeatlas_version":"1.6.0","cluster_count":4,"enabled_packs":["argocd","mine"]`)
	report("2026-03-02T00", a, `"kubeatlas_version":"1.5.0","cluster_count":1,"k8s_version":"v1.31.4+k3s1","tier":"memory","resource_bucket":"<1K"`)
	report("2026-03-02T00", "0000000000000000", `"kubeatlas_version":"1.5.0"`)
	report("2026-04-30T00", a, `"kubeatlas_version":"1.6.0","cluster_count":1`)

	f.check(f.figures("2026-03", "2026-03"), product.Figures{
		Instances: 3, // two of one day, one of another
		Days:      2,
		Metrics:   metrics{product.SessionsMean: 1.5, product.SessionsHighest: 2},
		Shares: shares{
			"version":    {"1.5.0": 2, "1.6.0": 1},
			"kubernetes": {"1.31": 1},
			"platform":   {"linux/amd64": 3},
			"tier":       {"memory": 1},
			"resources":  {"<1K": 1},
			"packs":      {"argocd": 2, "other": 1},
			"clusters":   {"1": 2, "3-5": 1},
		},
	})
	// A window joins nothing: the process of April is another session.
	got := f.figures("2026-03", "2026-04")
	if want := (metrics{product.SessionsMean: 4.0 / 3, product.SessionsHighest: 2}); !maps.Equal(got.Metrics, want) {
		t.Errorf("the window has %v", got.Metrics)
	}
	if want := map[string]int64{"1.5.0": 2, "1.6.0": 2}; got.Instances != 4 || !maps.Equal(got.Shares["version"], want) {
		t.Errorf("the window has %d instances, %v", got.Instances, got.Shares["version"])
	}
}
