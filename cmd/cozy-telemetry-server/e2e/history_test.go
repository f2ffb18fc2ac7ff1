package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/cozystack/cozystack-telemetry-server/appsource"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/fleet"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/load"
	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
	"github.com/cozystack/cozystack-telemetry-server/overview"
	"github.com/cozystack/cozystack-telemetry-server/store"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The history of a fleet, with kernel upgrades, births and deaths, gives the
// simulation's figures from VictoriaMetrics and from the rollups alike: each
// month, and quarter and year by either aggregate.
func TestHistoryIsExactFromBothSources(t *testing.T) {
	t.Parallel()
	v := startVictoria(t, t.TempDir(), "")
	db := openStore(t, filepath.Join(t.TempDir(), "telemetry.db"))
	defer db.Close()
	last := thisMonth() - 1
	months, err := load.History(t.Context(), load.HistoryOptions{
		URL: teeImport(t, v, db), From: last - 2, To: last, Every: 6 * time.Hour, Derived: true, Now: time.Now,
		Fleet: fleet.Config{Clusters: 60, UpgradeShare: 0.5, BirthShare: 0.3, DeathShare: 0.3},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	victoria, rollups := newOverview(t, db, v.URL), newOverview(t, db, "")
	for id := last - 2; id <= last; id++ {
		if months[id].NodesUpper <= months[id].TotalNodes {
			t.Errorf("%s has no kernel upgrade", id)
		}
		for _, aggregate := range []overview.Aggregate{overview.Average, overview.Distinct} {
			a, b := ask(t, victoria, id, aggregate), ask(t, rollups, id, aggregate)
			checkTruth(t, id, a["month"], months[id])
			checkConfirmedTruth(t, id, a["month"], months[id])
			checkSource(t, id, a, rollup.SourceVictoriaMetrics)
			checkSource(t, id, b, rollup.SourceRollups)
			if !reflect.DeepEqual(a, b) {
				t.Errorf("%s, %s: from vmselect\n%v\nfrom the rollups\n%v", id, aggregate, a, b)
			}
		}
	}
}

// teeImport is an import endpoint that gives what it takes to a VictoriaMetrics
// and, as the reports that it was, to a store.
func teeImport(t *testing.T, v *victoria.Server, db *store.Store) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		resp, err := http.Post(v.URL+importPath, "text/plain", bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return
		}
		resp.Body.Close()
		var group errgroup.Group
		group.SetLimit(256)
		for _, report := range readReports(t, body) {
			group.Go(func() error { return db.Record(r.Context(), report, nil) })
		}
		if err := group.Wait(); err != nil {
			t.Error(err)
		}
		w.WriteHeader(resp.StatusCode)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// readReports makes a report of the samples of a cluster at one time.
func readReports(t *testing.T, body []byte) []rollup.Report {
	type sender struct {
		cluster string
		at      int64
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		t.Error(err)
	}
	bySender := make(map[sender][]rollup.Sample)
	for name, family := range families {
		if name == "cozy_cluster_nodes" {
			continue
		}
		for _, m := range family.Metric {
			var labels []rollup.Label
			from := sender{at: m.GetTimestampMs()}
			for _, l := range m.Label {
				if l.GetName() == "cluster_id" {
					from.cluster = l.GetValue()
					continue
				}
				labels = append(labels, rollup.Label{Name: l.GetName(), Value: l.GetValue()})
			}
			bySender[from] = append(bySender[from], rollup.Sample{Series: rollup.NewSeries(name, labels), Value: m.GetUntyped().GetValue()})
		}
	}
	var reports []rollup.Report
	for from, samples := range bySender {
		slices.SortFunc(samples, func(a, b rollup.Sample) int { return cmp.Compare(a.Series, b.Series) })
		reports = append(reports, rollup.Report{
			Product: rollup.Cozystack, Instance: from.cluster, Received: time.UnixMilli(from.at), Samples: samples,
		})
	}
	return reports
}

// newOverview answers from a store that it does not write to, so that two of
// them don't see each other's snapshots.
func newOverview(t *testing.T, db *store.Store, vmselect string) *overview.Overview {
	t.Helper()
	apps := appsource.New(appsource.Config{Now: time.Now, Store: db})
	o, err := overview.New(readOnly{db}, apps, overview.Config{Now: time.Now, VMSelectURL: vmselect})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

// readOnly is a store that keeps no snapshots.
type readOnly struct{ *store.Store }

func (readOnly) Snapshot(rollup.MonthID) (rollup.Snapshot, bool, error) {
	return rollup.Snapshot{}, false, nil
}

func (readOnly) OfferSnapshot(_ context.Context, s rollup.Snapshot) (rollup.Snapshot, error) {
	return s, nil
}

// periods are the periods of an answer, as JSON has them.
type periods map[string]map[string]any

func ask(t *testing.T, o *overview.Overview, id rollup.MonthID, aggregate overview.Aggregate) periods {
	t.Helper()
	answer, err := o.Answer(t.Context(), id, aggregate, overview.Seen)
	if err != nil {
		t.Fatal(err)
	}
	var content struct{ Periods periods }
	if err := json.Unmarshal(answer.Body, &content); err != nil {
		t.Fatal(err)
	}
	return content.Periods
}

// checkSource checks the source of each period and takes it out.
func checkSource(t *testing.T, id rollup.MonthID, p periods, want rollup.Source) {
	t.Helper()
	for name, period := range p {
		if period["source"] != string(want) {
			t.Errorf("%s: the %s is from %v, not %s", id, name, period["source"], want)
		}
		delete(period, "source")
	}
}

// checkTruth holds the seen figures of a month against the truth.
func checkTruth(t *testing.T, id rollup.MonthID, got map[string]any, want load.Month) {
	t.Helper()
	figures := map[string]int64{
		"clusters": want.Clusters, "total_nodes": want.TotalNodes, "total_tenants": want.TotalTenants,
		"confirmed_clusters": want.Confirmed, "unique_clusters": want.Clusters,
	}
	for name, figure := range figures {
		if got[name] != float64(figure) {
			t.Errorf("%s: %s is %v, in truth %d", id, name, got[name], figure)
		}
	}
	checkApps(t, id, got["apps"], want.Apps)
}

// checkConfirmedTruth holds the confirmed figures of a month, which only the rollups have,
// against the truth.
func checkConfirmedTruth(t *testing.T, id rollup.MonthID, got map[string]any, want load.Month) {
	t.Helper()
	confirmed, ok := got["confirmed"].(map[string]any)
	if !ok {
		t.Fatalf("%s has no confirmed figures", id)
	}
	for name, figure := range map[string]int64{
		"clusters": want.ConfirmedFigures.Clusters, "total_nodes": want.ConfirmedFigures.TotalNodes,
		"total_tenants": want.ConfirmedFigures.TotalTenants,
	} {
		if confirmed[name] != float64(figure) {
			t.Errorf("%s: confirmed %s is %v, in truth %d", id, name, confirmed[name], figure)
		}
	}
	checkApps(t, id, confirmed["apps"], want.ConfirmedFigures.Apps)
}

func checkApps(t *testing.T, id rollup.MonthID, got any, want map[string]int64) {
	t.Helper()
	for app, n := range got.(map[string]any) {
		if n != float64(want[app]) {
			t.Errorf("%s: %v of %s, in truth %d", id, n, app, want[app])
		}
	}
}
