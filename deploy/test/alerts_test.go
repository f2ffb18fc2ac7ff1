package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"sigs.k8s.io/yaml"
)

const alertsFile = "deploy/alerts/alerts.yaml"

func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.Parse(read(t, alertsFile), false, model.UTF8Validation)
	if len(errs) > 0 || len(groups.Groups) != 1 {
		t.Fatal(errs)
	}
	return groups.Groups[0].Rules
}

func TestAlertsName(t *testing.T) {
	l := newLab(t)
	for _, r := range rules(t) {
		if _, err := checkExpr(r.Expr, l.series); err != nil {
			t.Errorf("%s: %v", r.Alert, err)
		}
	}
}

// TestVMAlertTakesAlerts asks VictoriaMetrics' own program.
func TestVMAlertTakesAlerts(t *testing.T) {
	if out, err := exec.Command("vmalert", "-dryRun", "-rule="+repository+"/"+alertsFile).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// TestRunbooks holds that every alert leads to a heading, and that there is no
// other runbook.
func TestRunbooks(t *testing.T) {
	_, runbooks, found := strings.Cut(string(read(t, "docs/operations.md")), "\n## Runbooks\n")
	if !found {
		t.Fatal("docs/operations.md has no runbooks")
	}
	runbooks, _, _ = strings.Cut(runbooks, "\n## ")
	var headings, alerts []string
	for line := range strings.Lines(runbooks) {
		if heading, ok := strings.CutPrefix(line, "### "); ok {
			headings = append(headings, strings.TrimSpace(heading))
		}
	}
	for _, r := range rules(t) {
		alerts = append(alerts, r.Alert)
		const page = "https://github.com/cozystack/cozystack-telemetry-server/blob/main/docs/operations.md#"
		if got := r.Annotations["runbook_url"]; got != page+strings.ToLower(r.Alert) {
			t.Errorf("%s has the runbook %s", r.Alert, got)
		}
		if r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
			t.Errorf("%s has no severity or no summary", r.Alert)
		}
	}
	if !slices.Equal(headings, alerts) {
		t.Errorf("runbooks are %q,\nalerts   %q", headings, alerts)
	}
}

// scenario is what happens to the metrics in the half hour before a moment: the
// value at its begin, and at its end.
type scenario map[string][2]float64

// healthy is a server that has nothing to complain of, at now.
func healthy(now time.Time) scenario {
	return scenario{
		`build_info{version="v1"}`:                                         {1, 1},
		`reports_total{product="cozystack",code="200"}`:                    {0, 1000},
		`reports_total{product="cozystack",code="503"}`:                    {0, 0},
		`reports_total{product="cozystack",code="400"}`:                    {0, 10},
		`reports_total{product="synapse",code="200"}`:                      {0, 100},
		`reports_total{product="synapse",code="400"}`:                      {0, 5},
		`reports_refused_total{product="cozystack",reason="store"}`:        {0, 0},
		`reports_refused_total{product="synapse",reason="store"}`:          {2, 2},
		`reports_refused_total{product="synapse",reason="field"}`:          {0, 5},
		`report_age_seconds{product="synapse"}`:                            {8 * 3600, 8.5 * 3600},
		`report_age_seconds{product="coroot"}`:                             {3600, 3600},
		`report_age_seconds{product="kubeatlas"}`:                          {86400, 2 * 86400},
		`commits_total{outcome="committed"}`:                               {0, 1000},
		`commits_total{outcome="failed"}`:                                  {3, 3},
		`report_age_seconds{product="cozystack"}`:                          {60, 900},
		`queue_age_seconds`:                                                {0, 600},
		`queue_bytes`:                                                      {0, 1e8},
		`queue_max_bytes`:                                                  {1e9, 1e9},
		`queue_dropped_samples_total{reason="full"}`:                       {5, 5},
		`forward_requests_total{product="coroot",outcome="delivered"}`:     {0, 100},
		`forward_requests_total{product="coroot",outcome="misconfigured"}`: {2, 2},
		`vmselect_asks_total{outcome="answered"}`:                          {0, 100},
		`vmselect_asks_total{outcome="failed"}`:                            {1, 1},
		`database_bytes`:                                                   {1e9, 1e9},
		`database_max_bytes`:                                               {0, 0},
		`volume_free_bytes{of="database"}`:                                 {1e9, 1e9},
		`volume_reserve_bytes`:                                             {2e8, 2e8},
		`backups_total{outcome="failed"}`:                                  {0, 0},
		`anomalies{kind="new_ids"}`:                                        {0, 0},
		`last_backup_timestamp_seconds`:                                    {unix(now.Add(-25 * time.Hour)), unix(now.Add(-25 * time.Hour))},
	}
}

func unix(t time.Time) float64 { return float64(t.Unix()) }

// troubles are what each alert is for.
func troubles(now time.Time) map[string]scenario {
	return map[string]scenario{
		"TelemetryNotReady": {
			`reports_total{product="cozystack",code="503"}`: {0, 50}, `reports_refused_total{product="cozystack",reason="store"}`: {0, 50},
		},
		"TelemetryReportsLost":                           {`reports_refused_total{product="synapse",reason="store"}`: {2, 3}},
		"TelemetryReportsLost, busy":                     {`reports_refused_total{product="coroot",reason="busy"}`: {0, 1}},
		"TelemetryReportsRefused":                        {`reports_total{product="synapse",code="400"}`: {0, 20}},
		"TelemetryReportsRefused, limits":                {`reports_total{product="synapse",code="429"}`: {0, 20}},
		"TelemetryProductSilent":                         {`report_age_seconds{product="synapse"}`: {9 * 3600, 9.5 * 3600}},
		"TelemetryProductSilent, coroot":                 {`report_age_seconds{product="coroot"}`: {3 * 3600, 3.5 * 3600}},
		"TelemetryProductSilent, kubeatlas":              {`report_age_seconds{product="kubeatlas"}`: {3 * 86400, 3.1 * 86400}},
		"TelemetryFileNearBound TelemetryFileNearlyFull": {`database_max_bytes`: {1.04e9, 1.04e9}},
		"TelemetryCommitsFail":                           {`commits_total{outcome="failed"}`: {3, 9}},
		"TelemetrySilent":                                {`report_age_seconds{product="cozystack"}`: {1500, 3300}},
		"TelemetryQueueOld":                              {`queue_age_seconds`: {1900, 3700}},
		"TelemetryQueueGrows":                            {`queue_bytes`: {1e8, 6e8}},
		"TelemetryQueueDrops":                            {`queue_dropped_samples_total{reason="full"}`: {5, 500}},
		"TelemetryForwardMisconfigured":                  {`forward_requests_total{product="coroot",outcome="misconfigured"}`: {2, 5}},
		"TelemetryQueriesFail":                           {`vmselect_asks_total{outcome="failed"}`: {1, 7}},
		"TelemetryFileNearBound":                         {`database_max_bytes`: {1.1e9, 1.1e9}},
		"TelemetryVolumeShort":                           {`volume_free_bytes{of="database"}`: {1e8, 1e8}},
		"TelemetryBackupStale":                           {`last_backup_timestamp_seconds`: {unix(now.Add(-50 * time.Hour)), unix(now.Add(-50 * time.Hour))}},
		"TelemetryBackupStale, failing":                  {`backups_total{outcome="failed"}`: {0, 1}},
		"TelemetryBackupStale, never":                    {`backups_total{outcome="failed"}`: {0, 2}, `last_backup_timestamp_seconds`: {0, 0}},
		"TelemetryAnomalies":                             {`anomalies{kind="new_ids"}`: {1, 2}},
		"":                                               {},
	}
}

// TestAlertsFire puts each trouble into a real VictoriaMetrics, days apart, and
// asks which alerts would fire.
func TestAlertsFire(t *testing.T) {
	v := startVictoria(t)
	all := rules(t)
	begin := time.Now().Truncate(time.Hour).Add(-100 * 24 * time.Hour)
	moment := func(i int) time.Time { return begin.Add(time.Duration(i) * 3 * 24 * time.Hour) }
	names := slices.Sorted(maps.Keys(troubles(begin)))
	for i, name := range names {
		s := healthy(moment(i))
		maps.Copy(s, troubles(moment(i))[name])
		v.put(t, s, moment(i))
	}
	v.flush(t)
	for i, name := range names {
		alert, _, _ := strings.Cut(name, ",")
		if got := v.firing(t, all, moment(i)); got != alert {
			t.Errorf("%q: firing is %q", name, got)
		}
	}
	if got := v.firing(t, all, begin.Add(-24*time.Hour)); got != "TelemetryDown" {
		t.Errorf("without a server, firing is %q", got)
	}
	covered := strings.Join(names, " ") + " TelemetryDown"
	for _, r := range all {
		if !strings.Contains(covered, r.Alert) {
			t.Errorf("%s was not tried", r.Alert)
		}
	}
}

// put imports a sample each minute of the half hour before now.
func (v victoria) put(t *testing.T, s scenario, now time.Time) {
	t.Helper()
	var text bytes.Buffer
	const minutes = 30
	for series, value := range s {
		for i := range minutes + 1 {
			at := now.Add(time.Duration(i-minutes) * time.Minute)
			name, labels, _ := strings.Cut(strings.TrimSuffix(series, "}"), "{")
			labels = strings.Trim(labels+`,job="telemetry",instance="a:1"`, ",")
			value := value[0] + (value[1]-value[0])*float64(i)/minutes
			fmt.Fprintf(&text, "cozy_telemetry_%s{%s} %g %d\n", name, labels, value, at.UnixMilli())
		}
	}
	post(t, v.url+"/api/v1/import/prometheus", "", text.Bytes())
}

// firing are the alerts whose expressions have an answer.
func (v victoria) firing(t *testing.T, all []rulefmt.Rule, now time.Time) string {
	t.Helper()
	var names []string
	for _, r := range all {
		if len(v.query(t, r.Expr, url.Values{"time": {fmt.Sprint(now.Unix())}})) > 0 {
			names = append(names, r.Alert)
		}
	}
	return strings.Join(names, " ")
}

// TestChartAlerts holds that the chart hands on the rules as they are.
func TestChartAlerts(t *testing.T) {
	want := asJSON(t, read(t, alertsFile))
	got, err := json.Marshal(decoded(t, "testdata/full.yaml").promRules[0].Spec)
	if err != nil {
		t.Fatal(err)
	}
	if normal(t, got) != normal(t, want) {
		t.Errorf("the chart's rules are\n%s, want\n%s", normal(t, got), normal(t, want))
	}
	for _, o := range decoded(t, "testdata/original.yaml").others {
		if o.GetKind() != "VMRule" {
			continue
		}
		got, err := json.Marshal(o.Object["spec"])
		if err != nil || normal(t, got) != normal(t, want) {
			t.Errorf("the VMRule is %s, %v", got, err)
		}
	}
}

func asJSON(t *testing.T, text []byte) []byte {
	t.Helper()
	json, err := yaml.YAMLToJSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return json
}

// normal is JSON with sorted keys.
func normal(t *testing.T, text []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	sorted, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(sorted)
}
