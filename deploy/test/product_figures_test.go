package deploy

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"strings"
	"testing"
	"time"
)

// reported is what two instances of each product have sent, by day and hour. Sessions have
// totals of days, here of two servers.
const reported = `
synapse a 0 10:05 total_users=100 total_nonbridged_users=90 monthly_active_users=30 daily_active_users=4 total_room_count=7 daily_messages=10 daily_e2ee_messages=5 server{server="synapse",version="1.157"}=1
synapse a 0 13:05 total_users=102 total_nonbridged_users=90 monthly_active_users=31 daily_active_users=6 total_room_count=8 daily_messages=20 daily_e2ee_messages=5 server{server="synapse",version="1.157"}=1
synapse a 1 10:05 total_users=101 total_nonbridged_users=90 monthly_active_users=29 daily_active_users=2 total_room_count=8 daily_messages=10 daily_e2ee_messages=15 server{server="synapse",version="1.158"}=1
synapse b 1 23:59 total_users=0 total_nonbridged_users=0 monthly_active_users=0 daily_active_users=0 total_room_count=0 daily_messages=3 daily_e2ee_messages=2 server{server="dendrite",version="0.13"}=1
coroot a 0 10:05 version{version="1.22.0"}=1 nodes=10 cpu_cores=80 gpus=1 applications=18 instances=50 page_views=4 api_calls=1 deployments=2 sent_notifications{type="slack"}=1 users=3
coroot a 0 10:40 version{version="1.22.0"}=1 nodes=12 cpu_cores=80 gpus=0 applications=18 instances=50 page_views=6 api_calls=1 deployments=2 sent_notifications{type="slack"}=1 users=1
coroot a 0 11:01 version{version="1.22.1"}=1 nodes=11 cpu_cores=88 gpus=0 applications=17 instances=51 page_views=1 api_calls=2 deployments=3 sent_notifications{type="email"}=1 users=0
coroot a 1 00:10 version{version="1.22.1"}=1 nodes=11 cpu_cores=88 gpus=0 applications=17 instances=51 page_views=2 mcp_calls=9 deployments=0 sent_notifications{type="slack"}=1 users=1
coroot b 1 23:59 version{version="1.22.1"}=1 nodes=5 cpu_cores=20 gpus=0 applications=2 instances=4 page_views=3 mcp_calls=1 deployments=1 users=5
kubeatlas - 0 00:00 sessions{server="a"}=6 clusters{server="a"}=10
kubeatlas - 0 00:00 sessions{server="b"}=4 clusters{server="b"}=2
kubeatlas - 1 00:00 sessions{server="a"}=5 clusters{server="a"}=18
`

// figured are the figures of these, by hand: highest of a gauge, mean of a day's highest,
// sum of an hour's highest, added up over instances.
var figured = map[string]map[string]float64{
	"synapse": {
		"Homeservers": 2, "With users": 1, "Users": 102, "Users, not bridged": 90, "Active in a month": 31, "Active in a day": 4,
		"Rooms": 8, "Messages encrypted": 100 * (10 + 2.) / (10 + 2 + 15 + 3),
	},
	"coroot": {
		"Installations": 2, "Nodes": 17, "Cores": 108, "GPUs": 1, "Applications": 20, "Instances": 55,
		"Page views": 6 + 1 + 2 + 3, "API calls": 3, "MCP calls": 10, "Deployments": 2 + 3 + 1, "Notifications": 3, "Browsers in a day": 2 + 5,
	},
	"kubeatlas": {"Sessions a day": 7.5, "Sessions a day, highest": 10, "Clusters of a session": 2, "Days with sessions": 2},
}

// TestProductFigures holds the dashboards' numbers against what the reports say.
func TestProductFigures(t *testing.T) {
	v := startVictoria(t)
	begin := time.Now().UTC().Truncate(24 * time.Hour).Add(-10 * 24 * time.Hour)
	v.load(t, lines(t, begin))
	for _, product := range others {
		got := make(map[string]float64)
		for _, p := range readDashboard(t, product+".json").Panels {
			if p.Type != "stat" {
				continue
			}
			expr := strings.ReplaceAll(p.Targets[0].Expr, "$__range", "7d")
			answer := v.query(t, expr, url.Values{"time": {fmt.Sprint(begin.Add(60 * time.Hour).Unix())}})
			if len(answer) != 1 {
				t.Errorf("%s: %s is %v", product, p.Title, answer)
				continue
			}
			got[p.Title] = number(t, answer[0])
		}
		if want := figured[product]; !maps.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-9 }) {
			t.Errorf("%s: the figures are\n%v, want\n%v", product, got, want)
		}
	}
}

// lines are reported, as the server forwards it, from a day on.
func lines(t *testing.T, begin time.Time) (all []string) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(reported)) {
		words := strings.Fields(line)
		var day, hour, minute int
		if _, err := fmt.Sscanf(strings.Join(words[2:4], " "), "%d %d:%d", &day, &hour, &minute); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		at := begin.Add(time.Duration(day)*24*time.Hour + time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute)
		for _, word := range words[4:] {
			i := strings.LastIndexByte(word, '=')
			all = append(all, forwarded(strings.Trim(words[1], "-"), words[0]+"_"+word[:i]+" "+word[i+1:], at))
		}
	}
	return all
}
