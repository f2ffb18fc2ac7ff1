package e2e

import (
	"net/http"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/cmd/loadgen/victoria"
)

// The server's own metrics tell where answers came from, whether vmselect
// answers, and for how long no report has come.
func TestMetricsTellTheSources(t *testing.T) {
	nobody, err := victoria.FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	server := startServer(t, t.TempDir(), "--vmselect-url=http://"+nobody+"/prometheus", "--snapshot-dir="+t.TempDir())
	is := func(name string, want int) {
		t.Helper()
		if got := server.metric(t, name); got != want {
			t.Errorf("%s is %d, not %d", name, got, want)
		}
	}
	eventually(t, "the mirror is in step", func() bool { return server.metric(t, `mirror_syncs_total{outcome="done"}`) > 0 })
	is("last_report_timestamp_seconds", 0)
	is(`vmselect_asks_total{outcome="answered"}`, 0)
	failed := server.metric(t, `vmselect_asks_total{outcome="failed"}`) // the collector has asked too

	url := server.Public + thisMonth().Start().Format("/api/overview?year=2006&month=1")
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	is(`overview_answers_total{outcome="failed"}`, 1)
	server.post(t, "a", payload(t, "operator-v1.prom"))
	for range 10 { // within the second for which the rollups' answer is kept
		get(t, url)
	}
	cached, computed := server.metric(t, `overview_answers_total{outcome="cached"}`), server.metric(t, `overview_answers_total{outcome="computed"}`)
	if cached+computed != 10 || cached == 0 || computed == 0 {
		t.Errorf("%d answers from the cache and %d computed, of 10", cached, computed)
	}
	if now := server.metric(t, `vmselect_asks_total{outcome="failed"}`); now <= failed {
		t.Errorf("vmselect failed %d times before, %d after", failed, now)
	}
	if server.metric(t, "last_report_timestamp_seconds") == 0 || server.metric(t, "report_age_seconds") > 60 {
		t.Error("the report just sent is not seen")
	}
}
