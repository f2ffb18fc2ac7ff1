package fleet

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// counted counts reports from their text, knowing nothing of the simulation.
type counted struct {
	nodes   map[string]float64            // the peak of a report's sum, by cluster
	series  map[string]float64            // the peak of each series of nodes
	kernels map[string]map[string]bool    // by cluster
	tenants map[string]float64            // by cluster
	kinds   map[string]map[string]float64 // by kind and cluster
	days    map[string]map[int]bool       // with cozy_cluster_info, by cluster
	// byDay has the peak of each day: of a report's nodes, of old tenants, of each kind.
	byDay map[string]map[string]map[int]float64 // by what it is of, and cluster
}

func newCounted() *counted {
	return &counted{
		make(map[string]float64), make(map[string]float64), make(map[string]map[string]bool),
		make(map[string]float64), make(map[string]map[string]float64), make(map[string]map[int]bool),
		make(map[string]map[string]map[int]float64),
	}
}

func (o *counted) add(t *testing.T, id string, day int, report []byte) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(report))
	if err != nil {
		t.Fatalf("%v in\n%s", err, report)
	}
	var nodes float64
	for name, family := range families {
		for _, m := range family.Metric {
			labels := make(map[string]string)
			for _, l := range m.Label {
				labels[l.GetName()] = l.GetValue()
			}
			o.sample(id, day, name, labels, m)
			if name == "cozy_nodes_count" {
				nodes += m.Untyped.GetValue()
			}
		}
	}
	o.nodes[id] = max(o.nodes[id], nodes)
	o.see("nodes", id, day, nodes)
}

func (o *counted) see(what, id string, day int, value float64) {
	if o.byDay[what] == nil {
		o.byDay[what] = make(map[string]map[int]float64)
	}
	if o.byDay[what][id] == nil {
		o.byDay[what][id] = make(map[int]float64)
	}
	o.byDay[what][id][day] = max(o.byDay[what][id][day], value)
}

// second is the value of the second-highest day.
func (o *counted) second(what, id string) int64 {
	values := slices.Sorted(maps.Values(o.byDay[what][id]))
	if len(values) < 2 {
		return 0
	}
	return int64(values[len(values)-2])
}

// confirmedFigures counts what is confirmed.
func (o *counted) confirmedFigures(month string, days int) Figures {
	f := Figures{Month: month, Apps: make(map[string]int64)}
	for id, seen := range o.days {
		if len(seen) < days {
			continue
		}
		f.Clusters++
		f.TotalNodes += o.second("nodes", id)
		tenants := max(o.second("cozy_tenants_count", id), o.second("Tenant", id))
		f.TotalTenants += tenants
		for kind := range o.kinds {
			n := o.second(kind, id)
			if kind == "Tenant" {
				n = tenants
			}
			if n > 0 {
				f.Apps[appOfKind(kind)] += n
			}
		}
	}
	return f
}

func (o *counted) sample(id string, day int, name string, labels map[string]string, m *dto.Metric) {
	value := m.Untyped.GetValue()
	switch name {
	case "cozy_cluster_info":
		if o.days[id] == nil {
			o.days[id] = make(map[int]bool)
		}
		o.days[id][day] = true
	case "cozy_nodes_count":
		series := fmt.Sprint(id, labels)
		o.series[series] = max(o.series[series], value)
		if o.kernels[id] == nil {
			o.kernels[id] = make(map[string]bool)
		}
		o.kernels[id][labels["kernel"]] = true
	case "cozy_tenants_count":
		o.tenants[id] = max(o.tenants[id], value)
		o.see(name, id, day, value)
	case "cozy_application_count":
		kind := labels["kind"]
		o.see(kind, id, day, value)
		if o.kinds[kind] == nil {
			o.kinds[kind] = make(map[string]float64)
		}
		o.kinds[kind][id] = max(o.kinds[kind][id], value)
		if kind == "Tenant" {
			o.tenants[id] = max(o.tenants[id], value)
		}
	}
}

func total(m map[string]float64) (sum int64) {
	for _, v := range m {
		sum += int64(v)
	}
	return sum
}

func (o *counted) figures(month string) Figures {
	f := Figures{month, int64(len(o.days)), total(o.nodes), total(o.tenants), make(map[string]int64)}
	for kind, byCluster := range o.kinds {
		if n := total(byCluster); n > 0 {
			f.Apps[appOfKind(kind)] += n
		}
	}
	if f.TotalTenants > 0 {
		f.Apps["tenant"] = f.TotalTenants
	}
	return f
}

// appOfKind is written down once more, by the rule instead of the list.
func appOfKind(kind string) string {
	switch kind {
	case "PostgreSQL":
		return "postgres"
	case "VirtualPrivateCloud":
		return "vpc"
	case "HTTPCache", "TCPBalancer", "VMDisk", "VMInstance", "KubernetesNodes", "VirtualMachine":
		hyphens := strings.NewReplacer("HTTPC", "http-c", "TCPB", "tcp-b", "VMD", "vm-d", "VMI", "vm-i", "sN", "s-n", "lM", "l-m")
		return strings.ToLower(hyphens.Replace(kind))
	}
	return strings.ToLower(kind)
}

func (o *counted) upgraded() (n int64) {
	for _, k := range o.kernels {
		if len(k) > 1 {
			n++
		}
	}
	return n
}

func (o *counted) confirmed(days int) (n int64) {
	for _, d := range o.days {
		if len(d) >= days {
			n++
		}
	}
	return n
}

func checkTruth(t *testing.T, truth *Truth, o *counted) {
	t.Helper()
	if got, want := truth.Figures("2026-03"), o.figures("2026-03"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("figures:\n got %v\nwant %v", got, want)
	}
	if got, want := truth.NodesUpper(), total(o.series); got != want {
		t.Errorf("upper bound of nodes %d, want %d", got, want)
	}
	if got, want := truth.Upgraded(), o.upgraded(); got != want {
		t.Errorf("upgraded %d, want %d", got, want)
	}
	for _, days := range []int{1, 2, 7, 20} {
		if got, want := truth.Confirmed(days), o.confirmed(days); got != want {
			t.Errorf("confirmed on %d days %d, want %d", days, got, want)
		}
		if got, want := truth.ConfirmedFigures("m", days), o.confirmedFigures("m", days); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("confirmed figures on %d days:\n got %v\nwant %v", days, got, want)
		}
	}
}

// dayOf maps a step to its day, three steps each.
func dayOf(step int) int { return 20000 + step/3 }

func TestTruthIsWhatTheTextSays(t *testing.T) {
	for name, f := range map[string]*Fleet{"short": lively(false), "full": lively(true), "lifelike": lifelike(2 * 24 * time.Hour)} {
		t.Run(name, func(t *testing.T) {
			var truth Truth
			oracle := newCounted()
			n := 0
			eachReport(f, func(c *Cluster, client Client, step int, report []byte) {
				if n++; n%7 == 0 { // lost on the way
					return
				}
				truth.Add(c, client, step, dayOf(step))
				oracle.add(t, c.ID(), dayOf(step), report)
			})
			checkTruth(t, &truth, oracle)
			if truth.NodesUpper() == truth.Figures("").TotalNodes {
				t.Error("no upgrade made a difference")
			}
		})
	}
}

// Half a cluster: its operator was refused.
func TestTruthOfAControllerAlone(t *testing.T) {
	f := lively(true)
	var truth Truth
	oracle := newCounted()
	for i := range f.Len() {
		c := f.Cluster(i)
		truth.Add(&c, Controller, 0, 1)
		oracle.add(t, c.ID(), 1, c.Report(nil, Controller, 0))
	}
	checkTruth(t, &truth, oracle)
}

func TestTruthMerges(t *testing.T) {
	var whole, first, second Truth
	eachReport(lively(true), func(c *Cluster, client Client, step int, _ []byte) {
		whole.Add(c, client, step, dayOf(step))
		whole.Add(c, client, step, dayOf(step)) // sent twice
		half := &first
		if step > testSteps/2 {
			half = &second
		}
		half.Add(c, client, step, dayOf(step))
	})
	second.Merge(&first)
	second.Merge(&first)
	if got, want := second.Figures("m"), whole.Figures("m"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("merged %v, want %v", got, want)
	}
	if got, want := second.ConfirmedFigures("m", 5), whole.ConfirmedFigures("m", 5); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("confirmed and merged %v, want %v", got, want)
	}
	if second.Confirmed(15) != whole.Confirmed(15) || second.Upgraded() != whole.Upgraded() || second.NodesUpper() != whole.NodesUpper() {
		t.Error("days or kernels differ after the merge")
	}
	var none Truth
	if f := none.Figures("m"); f.Clusters != 0 || f.Apps == nil || !maps.Equal(f.Apps, map[string]int64{}) {
		t.Errorf("nothing seen: %v", f)
	}
}
