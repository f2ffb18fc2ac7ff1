package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/child"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// monthQueries are the server's own four queries of a month that has ended:
// clusters, nodes, tenants and kinds. W stands for the lookback window.
var monthQueries = []string{
	`count(count by (cluster_id)(max_over_time(cozy_cluster_info[W])))`,
	`sum by (exact)(label_replace(max by (cluster_id)(max_over_time(cozy_cluster_nodes[W])), "exact", "true", "cluster_id", ".*") or on (cluster_id) sum by (cluster_id)(max_over_time(cozy_nodes_count[W])))`,
	`sum(max by (cluster_id)(sum by (cluster_id, kind)(max_over_time(cozy_application_count{kind="Tenant"}[W])) or sum by (cluster_id)(max_over_time(cozy_tenants_count[W]))))`,
	`sum by (kind)(max_over_time(cozy_application_count[W]))`,
}

// queriedMetrics are those that the queries read. The others would only make the
// import longer.
var queriedMetrics = []string{
	"cozy_cluster_info", "cozy_cluster_nodes", "cozy_nodes_count", "cozy_application_count", "cozy_tenants_count",
}

// victoriaMonth returns the median time of the four queries over a month's
// history in VictoriaMetrics.
func (l *lab) victoriaMonth(ctx context.Context, h history) (time.Duration, error) {
	v, err := victoria.Start(ctx, l.file("victoria"), "", "-search.maxUniqueTimeseries=10000000")
	if err != nil {
		return 0, err
	}
	defer v.Kill()
	l.progress("  importing the same month into VictoriaMetrics")
	months, err := load.History(ctx, load.HistoryOptions{
		URL: v.URL, Fleet: monthFleet(l.Size.MonthClusters), From: h.last, To: h.last, Every: monthEvery,
		Derived: true, Metrics: queriedMetrics, Now: l.Now,
	})
	if err != nil {
		return 0, err
	}
	if err := v.Flush(ctx); err != nil {
		return 0, err
	}
	if err := idle(ctx, v.PID()); err != nil {
		return 0, err
	}
	var took []time.Duration
	for range l.Size.Rounds {
		t, err := l.askVictoria(ctx, v.URL, h.last, months[h.last])
		if err != nil {
			return 0, err
		}
		l.progress("  VictoriaMetrics: %.3f s", t.Seconds())
		took = append(took, t)
	}
	return median(took), nil
}

// askVictoria returns how long all queries take, and checks what the first two
// of them say.
func (l *lab) askVictoria(ctx context.Context, base string, month rollup.MonthID, want load.Month) (time.Duration, error) {
	var said []string
	begin := l.Now()
	for _, q := range monthQueries {
		a, err := child.Get(ctx, queryURL(base, month, q))
		if err != nil {
			return 0, err
		}
		value, err := firstValue(a.Body)
		if err != nil {
			return 0, err
		}
		said = append(said, value)
	}
	took := l.Now().Sub(begin)
	if said[0] != fmt.Sprint(want.Clusters) || said[1] != fmt.Sprint(want.TotalNodes) {
		return 0, fmt.Errorf("bench: VictoriaMetrics counts %s clusters and %s nodes, not %d and %d",
			said[0], said[1], want.Clusters, want.TotalNodes)
	}
	return took, nil
}

func queryURL(base string, month rollup.MonthID, query string) string {
	query = strings.ReplaceAll(query, "[W]", fmt.Sprintf("[%dd]", month.Days()))
	at := strconv.FormatInt(month.End().Unix()-1, 10)
	return base + "/api/v1/query?nocache=1&" + url.Values{"query": {query}, "time": {at}}.Encode()
}

// firstValue returns the value of the first series of an answer.
func firstValue(body []byte) (string, error) {
	var answer struct {
		Data struct{ Result []struct{ Value [2]any } }
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Data.Result) == 0 {
		return "", fmt.Errorf("bench: VictoriaMetrics has no answer: %.200s", body)
	}
	return fmt.Sprint(answer.Data.Result[0].Value[1]), nil
}

// idle waits until a process hardly uses the processor any more: VictoriaMetrics
// merges what was imported for a while.
func idle(ctx context.Context, pid int) error {
	const every = 500 * time.Millisecond
	before := time.Duration(-1 << 62)
	return child.Await(ctx, every, func(context.Context) (bool, error) {
		now, err := child.CPUTime(pid)
		busy := now - before
		before = now
		return busy < every/10, err
	})
}
