package deploy

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// dashboard is what the tests need of Grafana's model.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct {
			Name, Type string
			Query      any
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Targets     []struct {
		Expr, LegendFormat string
		Instant, Range     bool
	}
}

func readDashboard(t *testing.T, name string) dashboard {
	t.Helper()
	var d dashboard
	if err := json.Unmarshal(read(t, "deploy/grafana/"+name), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.Title == "" || len(d.Panels) == 0 {
		t.Fatalf("%s has no id, title or panels", name)
	}
	return d
}

// grafana puts in what Grafana would put in for its variables.
var grafana = strings.NewReplacer("$__range", "2d", "$__rate_interval", "1m", "$instance", ".*")

func TestDashboards(t *testing.T) {
	l := newLab(t)
	shown := make(map[string]bool)
	for _, name := range []string{"fleet.json", "server.json"} {
		t.Run(name, func(t *testing.T) {
			d := readDashboard(t, name)
			checkVariables(t, d, l)
			checkLayout(t, d)
			for _, p := range d.Panels {
				for _, metric := range checkPanel(t, p, l) {
					shown[metric] = true
				}
			}
		})
	}
	for _, metric := range l.own() {
		base := regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(metric, "")
		if !shown[metric] && !shown[base+"_sum"] {
			t.Errorf("no panel shows %s", metric)
		}
	}
}

// checkPanel asks the panel's queries of VictoriaMetrics as Grafana would. Each
// must have data, unless it filters by value.
func checkPanel(t *testing.T, p panel, l *lab) (metrics []string) {
	t.Helper()
	if p.Type != "row" && len(p.Targets) == 0 {
		t.Errorf("%s has no query", p.Title)
	}
	now := time.Now()
	for _, target := range p.Targets {
		expr := grafana.Replace(target.Expr)
		if strings.Contains(expr, "$") {
			t.Errorf("%s: a variable is left in %s", p.Title, expr)
			continue
		}
		named, err := checkExpr(expr, l.series)
		if err != nil {
			t.Errorf("%s: %v", p.Title, err)
		}
		metrics = append(metrics, named...)
		parameters := url.Values{"time": {fmt.Sprint(now.Unix())}}
		if target.Range {
			parameters = url.Values{"start": {fmt.Sprint(now.Add(-time.Minute).Unix())}, "end": {fmt.Sprint(now.Unix())}, "step": {"1s"}}
		}
		answer := l.query(t, expr, parameters)
		if len(answer) == 0 && !strings.Contains(expr, "> 0") {
			t.Errorf("%s shows nothing: %s", p.Title, expr)
		}
		for _, m := range regexp.MustCompile(`{{(\w+)}}`).FindAllStringSubmatch(target.LegendFormat, -1) {
			if len(answer) > 0 && answer[0].Metric[m[1]] == "" {
				t.Errorf("%s: what %s answers has no label %s", p.Title, expr, m[1])
			}
		}
	}
	return metrics
}

func checkVariables(t *testing.T, d dashboard, l *lab) {
	t.Helper()
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		query := fmt.Sprint(v.Query.(map[string]any)["query"])
		m := regexp.MustCompile(`^label_values\((\w+), (\w+)\)$`).FindStringSubmatch(query)
		if m == nil || !l.series[m[1]][m[2]] {
			t.Errorf("the variable %s asks %s", v.Name, query)
		}
	}
}

// checkLayout holds that panels have numbers of their own and do not overlap.
func checkLayout(t *testing.T, d dashboard) {
	t.Helper()
	ids, cells := make(map[int]bool), make(map[[2]int]string)
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("two panels are number %d", p.ID)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s is wider than the page", p.Title)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if cells[cell] != "" {
					t.Fatalf("%s lies on %s", p.Title, cells[cell])
				}
				cells[cell] = p.Title
			}
		}
	}
}

// TestFleetFigures holds the totals against what the reports say.
func TestFleetFigures(t *testing.T) {
	v := startVictoria(t)
	public, _ := startServer(t, v.url)
	sendReports(t, public)
	eventually(t, "the samples are in VictoriaMetrics", func() bool {
		v.flush(t)
		return len(v.query(t, "cozy_cluster_nodes", url.Values{})) == 2 && len(v.query(t, "cozy_application_count", url.Values{})) == 5
	})
	// A node more, and all with another kernel: 4 nodes, not 3 + 4.
	upgraded := strings.NewReplacer("6.6.64-talos", "6.9.9-talos", `"} 3`+"\ncozy_cluster_capacity", `"} 4`+"\ncozy_cluster_capacity")
	post(t, public, "new", []byte(upgraded.Replace(string(read(t, "testdata/operator-v1.prom")))))
	eventually(t, "the upgrade is in VictoriaMetrics", func() bool {
		v.flush(t)
		return len(v.query(t, `cozy_nodes_count{kernel="6.9.9-talos"}`, url.Values{})) == 1
	})
	want := map[string]float64{
		"Clusters": 2, "Nodes": 8, "Nodes per cluster": 4, "Tenants": 5, "Load balancers": 3, "Volumes": 17,
		"Processors": 168, "Memory": 811020009472,
	}
	for _, p := range readDashboard(t, "fleet.json").Panels {
		if p.Type != "stat" {
			continue
		}
		answer := v.query(t, grafana.Replace(p.Targets[0].Expr), url.Values{})
		if len(answer) != 1 || number(t, answer[0]) != want[p.Title] {
			t.Errorf("%s is %v, want %v", p.Title, answer, want[p.Title])
		}
		delete(want, p.Title)
	}
	for title := range want {
		t.Errorf("there is no panel %q", title)
	}
}
