package export

import (
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A spreadsheet takes a cell of CSV for a formula if it begins like one, quotes or
// not. No text of a cluster may; the other formats have it as it is.
func TestNoFormulasInCSV(t *testing.T) {
	at := march.First().Start().Add(time.Hour)
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)
	for version, want := range map[string]string{
		`=HYPERLINK("http://127.0.0.1/"&A1,"v1")`: `'=HYPERLINK("http://127.0.0.1/"&A1,"v1")`,
		"+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "\uff1d1": "'\uff1d1",
		"v1.2.0": "v1.2.0", "1.30-rc+1": "1.30-rc+1", "'=1": "'=1", "": "",
	} {
		db := reportFile(t, rollup.Report{Product: rollup.Cozystack, Instance: "-2-3", Received: at, Samples: []rollup.Sample{
			{Series: rollup.Series("cozy_cluster_info{cozystack_version=\"" + escape.Replace(version) + "\"}"), Value: 1},
		}})
		for _, what := range []string{Clusters, Months, Days} {
			table := written(t, db, whole(what, CSV))
			if _, rows := readCSV(t, table); rows[0]["cozystack_version"] != want || rows[0]["cluster"] != "'-2-3" {
				t.Errorf("%s of %q: %s", what, version, table)
			}
			if rows := readJSONL(t, written(t, db, whole(what, JSONL))); rows[0]["cozystack_version"] != version || rows[0]["cluster"] != "-2-3" {
				t.Errorf("%s of %q as JSON: %v", what, version, rows[0])
			}
		}
	}
}
