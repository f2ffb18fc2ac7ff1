package overview

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// rawReport is a report as it was sent, of which the oracle counts by what the page of the
// products says, and by nothing of the program.
type rawReport struct {
	at      time.Time
	sender  int // 0: without a name, where there may be such
	version int // the minor one
	// numbers are by the field's name; what is not there was not sent.
	numbers map[string]int
	clouds  []string
	ksm     *bool
}

func (r rawReport) day() rollup.Date { return rollup.DateOf(r.at) }

// body is what the client sends.
func (r rawReport) body(name string) (agent, body string) {
	fields := make(map[string]any)
	for field, n := range r.numbers {
		fields[field] = n
	}
	switch name {
	case "synapse":
		fields["homeserver"] = fmt.Sprintf("h%d.example", r.sender)
		agent = fmt.Sprintf("Synapse/1.%d.0", r.version)
	case "kubeatlas":
		fields["schema_version"], fields["session_nonce"] = "1.0", fmt.Sprintf("%032x", r.sender)
		if r.sender == 0 {
			fields["session_nonce"] = strings.Repeat("0", 16)
		}
		fields["kubeatlas_version"] = fmt.Sprintf("1.%d.0", r.version)
	case "coroot":
		uuid := fmt.Sprintf("%08d-9d97-4e01-a19f-8e3d60c83b2a", r.sender)
		if r.sender == 0 {
			uuid = ""
		}
		infra := map[string]any{"cpu_cores": r.numbers["nodes"], "applications": r.numbers["nodes"], "instances": r.numbers["nodes"], "nodes": r.numbers["nodes"], "deployments": r.numbers["deployments"]}
		fields = map[string]any{
			"instance":    map[string]any{"uuid": uuid, "version": fmt.Sprintf("1.%d.0", r.version)},
			"integration": map[string]any{"kube_state_metrics": r.ksm}, "stack": map[string]any{"clouds": r.clouds}, "infra": infra,
			"performance": map[string]any{"world_load_time_avg": r.numbers["nodes"]}, "ux": map[string]any{"page_views": map[string]any{"/p": r.numbers["page_views"]}},
		}
	}
	b, _ := json.Marshal(fields)
	return agent, string(b)
}

// drawReports makes reports over five months: of few senders, with repeats, restarts, gaps and upgrades.
func drawReports(rng *rand.Rand, name string) (all []rawReport) {
	for range 30 {
		r := rawReport{
			at:      time.Date(2026, time.Month(1+rng.IntN(5)), 1+rng.IntN(4), rng.IntN(3), rng.IntN(60), 0, 0, time.UTC),
			sender:  rng.IntN(6),
			version: 8 + rng.IntN(4),
			numbers: make(map[string]int),
		}
		var fields []string
		switch name {
		case "synapse":
			r.sender++ // all have a name
			fields = []string{"total_users", "monthly_active_users", "daily_active_users", "daily_messages", "daily_e2ee_messages", "daily_user_type_native"}
		case "coroot":
			fields = []string{"nodes", "page_views", "deployments"}
			for _, cloud := range []string{"aws", "gcp", "azure"} {
				if rng.IntN(3) == 0 {
					r.clouds = append(r.clouds, cloud)
				}
			}
			if yes := rng.IntN(3); yes < 2 {
				is := yes == 1
				r.ksm = &is
			}
		}
		for _, field := range fields {
			if rng.IntN(5) > 0 {
				r.numbers[field] = rng.IntN(3) * rng.IntN(60)
			}
		}
		all = append(all, r)
		if rng.IntN(4) == 0 {
			all = append(all, r) // sent again
		}
	}
	return all
}

// truth is what a window shows.
type truth published.ProductPeriod

// oracle counts a window of raw reports, at one instance after the other.
func oracle(name string, reports []rawReport, from, to rollup.MonthID) truth {
	p := truth{Metrics: map[string]float64{}, Shares: map[string]map[string]int64{}}
	bySender := make(map[string][]rawReport)
	for _, r := range reports {
		if id := r.day().Month(); id < from || id > to {
			continue
		}
		p.Reports++
		sender := fmt.Sprint(r.sender)
		if name == "kubeatlas" {
			sender += " " + r.day().String()
		}
		if r.sender != 0 {
			bySender[sender] = append(bySender[sender], r)
		}
	}
	p.Instances = int64(len(bySender))
	if name == "coroot" { // the sum of nothing
		p.Metrics["page_views"], p.Metrics["deployments"], p.Metrics["nodes"] = 0, 0, 0
	}
	for _, sent := range bySender {
		switch name {
		case "synapse":
			p.addSynapse(sent)
		case "coroot":
			p.addCoroot(sent)
		case "kubeatlas":
			p.share("version", fmt.Sprintf("1.%d.0", newest(sent, func(r rawReport) int64 { return int64(r.day()) })))
		}
	}
	if name == "coroot" {
		var nodes []float64
		for _, sent := range bySender {
			if n := most(sent, "nodes"); n > 0 {
				nodes = append(nodes, n)
			}
		}
		p.middle("nodes", nodes)
	}
	if name == "kubeatlas" {
		days := make(map[string]float64)
		for sender := range bySender {
			days[sender[len(sender)-10:]]++
		}
		for _, n := range days {
			p.Metrics["sessions_per_day_highest"] = max(p.Metrics["sessions_per_day_highest"], n)
			p.Metrics["sessions_per_day_mean"] += n / float64(len(days))
		}
	}
	return p
}

func (p truth) share(figure, value string) {
	if p.Shares[figure] == nil {
		p.Shares[figure] = make(map[string]int64)
	}
	p.Shares[figure][value]++
}

func (p truth) addSynapse(sent []rawReport) {
	p.Metrics["users"] += most(sent, "total_users")
	p.Metrics["monthly_active_users"] += most(sent, "monthly_active_users")
	p.Metrics["daily_active_users"] += meanOfDays(sent, "daily_active_users")
	p.Metrics["messages_per_day"] += meanOfDays(sent, "daily_messages")
	if has(sent, "daily_user_type_native") { // by type: of one that nobody has sent there is none
		p.Metrics["new_users_per_day_native"] += meanOfDays(sent, "daily_user_type_native")
	}
	p.share("version", fmt.Sprintf("synapse 1.%d", newest(sent, hourOfReport)))
	p.share("server", "synapse")
	if has(sent, "total_users") {
		p.share("homeservers", map[bool]string{true: "with users", false: "without users"}[most(sent, "total_users") > 0])
	}
	if has(sent, "monthly_active_users") {
		mau, size := most(sent, "monthly_active_users"), "101-1000"
		for _, s := range []struct {
			most float64
			name string
		}{{100, "21-100"}, {20, "6-20"}, {5, "2-5"}, {1, "1"}, {0, "0"}} {
			if mau <= s.most {
				size = s.name
			}
		}
		p.share("size", size)
	}
}

func (p truth) addCoroot(sent []rawReport) {
	p.Metrics["page_views"] += sumOfHours(sent, "page_views")
	p.Metrics["deployments"] += sumOfHours(sent, "deployments")
	p.share("version", fmt.Sprintf("1.%d.0", newest(sent, hourOfReport)))
	for _, cloud := range []string{"aws", "gcp", "azure"} {
		if slices.ContainsFunc(sent, func(r rawReport) bool { return slices.Contains(r.clouds, cloud) }) {
			p.share("clouds", cloud)
		}
	}
	if slices.ContainsFunc(sent, func(r rawReport) bool { return r.ksm != nil }) {
		yes := slices.ContainsFunc(sent, func(r rawReport) bool { return r.ksm != nil && *r.ksm })
		p.share("kube_state_metrics", map[bool]string{true: "yes", false: "no"}[yes])
		counts := p.Shares["kube_state_metrics"]
		p.Metrics["kube_state_metrics_percent"] = 100 * float64(counts["yes"]) / float64(counts["yes"]+counts["no"])
	}
}

// middle adds sum, median and 90th percentile.
func (p truth) middle(name string, values []float64) {
	slices.Sort(values)
	for _, v := range values {
		p.Metrics[name] += v
	}
	if n := len(values); n > 0 {
		p.Metrics[name+"_median"] = (values[(n-1)/2] + values[n/2]) / 2
		p.Metrics[name+"_p90"] = values[int(math.Ceil(0.9*float64(n)))-1]
	}
}

func hourOfReport(r rawReport) int64 { return r.at.Unix() / 3600 }

func has(sent []rawReport, field string) bool {
	return slices.ContainsFunc(sent, func(r rawReport) bool { _, ok := r.numbers[field]; return ok })
}

func most(sent []rawReport, field string) (v float64) {
	for _, r := range sent {
		v = max(v, float64(r.numbers[field]))
	}
	return v
}

// newest returns the version that was sent last; of one hour, or day, the highest.
func newest(sent []rawReport, when func(rawReport) int64) (version int) {
	last := int64(-1)
	for _, r := range sent {
		if at := when(r); at > last || at == last && r.version > version {
			last, version = at, r.version
		}
	}
	return version
}

func meanOfDays(sent []rawReport, field string) (mean float64) {
	days := make(map[rollup.Date]float64)
	for _, r := range sent {
		if v, ok := r.numbers[field]; ok {
			days[r.day()] = max(days[r.day()], float64(v))
		}
	}
	for _, v := range days {
		mean += v / float64(len(days))
	}
	return mean
}

func sumOfHours(sent []rawReport, field string) (sum float64) {
	hours := make(map[int64]float64)
	for _, r := range sent {
		hours[hourOfReport(r)] = max(hours[hourOfReport(r)], float64(r.numbers[field]))
	}
	for _, v := range hours {
		sum += v
	}
	return sum
}

// averageOf is the mean of months with reports: of each metric and figure over those that
// have it.
func averageOf(months []truth) truth {
	p := truth{Metrics: map[string]float64{}, Shares: map[string]map[string]int64{}}
	var instances, reports float64
	with := make(map[string]float64)
	sums := make(map[string]map[string]float64)
	for _, m := range months {
		instances += float64(m.Instances)
		reports += float64(m.Reports)
		for name, v := range m.Metrics {
			p.Metrics[name] += v
			with[name]++
		}
		for figure, counts := range m.Shares {
			if sums[figure] == nil {
				sums[figure] = make(map[string]float64)
			}
			for value, n := range counts {
				sums[figure][value] += float64(n)
			}
		}
	}
	n := float64(len(months))
	p.Instances, p.Reports = int64(math.Round(instances/n)), int64(math.Round(reports/n))
	for name := range p.Metrics {
		p.Metrics[name] /= with[name]
	}
	for figure, counts := range sums {
		p.Shares[figure] = make(map[string]int64)
		for value, sum := range counts {
			p.Shares[figure][value] = int64(math.Round(sum / n))
		}
	}
	return p
}

// TestProductAnswersEqualTheOracle holds months, quarters and years of random reports to what
// is counted of these reports themselves, whether or not days have been folded into months.
func TestProductAnswersEqualTheOracle(t *testing.T) {
	for _, name := range []string{"synapse", "coroot", "kubeatlas"} {
		for seed := range uint64(8) {
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 11))
				r, raw := newProductRig(t, "2026-05-20T12", 1), drawReports(rng, name)
				var sends errgroup.Group // together they are few commits
				for _, report := range raw {
					agent, body := report.body(name)
					sends.Go(func() error { r.take(name, agent, body, report.at); return nil })
				}
				_ = sends.Wait()
				if seed%2 == 0 {
					r.round()
				}
				for month := range 5 {
					id := rollup.NewMonth(2026, time.Month(month+1))
					checkAnswers(t, r, name, raw, id)
				}
			})
		}
	}
}

func checkAnswers(t *testing.T, r *productRig, name string, raw []rawReport, id rollup.MonthID) {
	t.Helper()
	for _, a := range []Aggregate{Average, Distinct} {
		if name == "kubeatlas" && a == Distinct {
			continue
		}
		got := r.ask(name, id.String(), a).Periods
		for n, p := range map[int]published.ProductPeriod{1: got.Month, 3: got.Quarter, 12: got.Year} {
			w := lastMonths(id, n)
			want := oracle(name, raw, w.from, w.to)
			var months []truth
			for m := w.from; m <= w.to; m++ {
				if one := oracle(name, raw, m, m); one.Reports > 0 {
					months = append(months, one)
				}
			}
			if a == Average {
				want = averageOf(months)
			}
			what := fmt.Sprintf("%s, %d months to %s, %s", name, n, id, a)
			if p.Instances != want.Instances || p.Reports != want.Reports || p.Months != len(months) {
				t.Errorf("%s: %d instances, %d reports, %d months; want %d, %d, %d", what, p.Instances, p.Reports, p.Months, want.Instances, want.Reports, len(months))
			}
			for metric, v := range want.Metrics {
				if math.Abs(p.Metrics[metric]-v) > 1e-9*max(1, v) {
					t.Errorf("%s: %s is %v, want %v", what, metric, p.Metrics[metric], v)
				}
			}
			for figure, counts := range want.Shares {
				maps.DeleteFunc(counts, func(_ string, n int64) bool { return n == 0 })
				if !maps.Equal(p.Shares[figure], counts) {
					t.Errorf("%s: %s is %v, want %v", what, figure, p.Shares[figure], counts)
				}
			}
		}
	}
}
