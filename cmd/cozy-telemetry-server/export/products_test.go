package export

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/product"
	"github.com/cozystack/cozystack-telemetry-server/product/coroot"
	"github.com/cozystack/cozystack-telemetry-server/product/kubeatlas"
	"github.com/cozystack/cozystack-telemetry-server/product/synapse"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// reportOf is a report of a product, as its decoder reads it; raw names are kept.
func reportOf(t *testing.T, p product.Product, instance string, at time.Time, body, agent string) rollup.Report {
	t.Helper()
	decoder, err := product.NewDecoder(p, true)
	if err != nil {
		t.Fatal(err)
	}
	report, err := decoder.Decode(nil, []byte(body), func(string) string { return agent })
	if err != nil {
		t.Fatal(err)
	}
	return rollup.Report{Product: p.Name, Instance: instance, Received: at, Samples: report.Samples}
}

// productsFile has two homeservers, of which one upgrades, a Coroot that counts, and two
// sessions of KubeAtlas.
func productsFile(t *testing.T) string {
	t.Helper()
	at := march.Start().Add(9 * time.Hour)
	hs := func(name, users, active, types string) string {
		return fmt.Sprintf(`{"homeserver":%q,"total_users":%s,"daily_active_users":%s%s}`, name, users, active, types)
	}
	cr := func(nodes, views int, clouds string) string {
		return fmt.Sprintf(`{"instance":{"uuid":"6f9619ff","version":"1.2.3"},"integration":{"prometheus":true,"fluxcd":false},
			"stack":{"clouds":%s},"infra":{"nodes":%d,"cpu_cores":4,"applications":5,"instances":6},"ux":{"page_views":{"/":%d}}}`, clouds, nodes, views)
	}
	ka := `{"schema_version":"1.0","session_nonce":"0123456789abcdef0123456789abcdef","kubeatlas_version":"1.5.0","enabled_packs":["istio","mine"],"cluster_count":2}`
	day := 24 * time.Hour
	return reportFile(t,
		reportOf(t, synapse.Product(), "a", at, hs("a.example.org", "5", "10", `,"r30v2_users_all":7,"r30v2_users_web":2`), "Synapse/1.99.0"),
		reportOf(t, synapse.Product(), "a", at.Add(3*time.Hour), hs("a.example.org", "6", "12", ""), "Synapse/1.100.0"),
		reportOf(t, synapse.Product(), "a", at.Add(day), hs("a.example.org", "4", "20", ""), "Synapse/1.100.0"),
		reportOf(t, synapse.Product(), "b", at, hs("b.example.org", "1", "null", ""), "Dendrite/0.13.8"),
		reportOf(t, coroot.Product(), "c", at, cr(3, 4, `["aws"]`), ""),
		reportOf(t, coroot.Product(), "c", at.Add(time.Hour), cr(2, 6, `["gcp"]`), ""),
		reportOf(t, coroot.Product(), "c", at.Add(day), cr(2, 1, `null`), ""),
		reportOf(t, kubeatlas.Product(), "s1", march.Start(), ka, ""),
		reportOf(t, kubeatlas.Product(), "s2", march.Start().Add(day), ka, ""),
		rollup.Report{Product: "cozystack", Instance: "cluster", Received: at, Samples: []rollup.Sample{{Series: "cozy_cluster_info", Value: 1}}},
	)
}

func ofProduct(p product.Product, table, format string) Options {
	o := whole(table, format)
	o.Product, o.Raw = p, []string{"synapse_names"}
	return o
}

// picked returns some cells of all rows; one that is not known is empty.
func picked(rows []map[string]string, columns ...string) (lines []string) {
	for _, r := range rows {
		var cells []string
		for _, c := range columns {
			cells = append(cells, r[c])
		}
		lines = append(lines, strings.Join(cells, " | "))
	}
	return lines
}

// The tables of each product, by hand: the highest of a gauge, the mean of a daily one, the
// sum of a difference, the text that was sent last.
func TestTablesOfProducts(t *testing.T) {
	db := productsFile(t)
	first, second := march.First().String(), (march.First() + 1).String()
	for _, c := range []struct {
		p       product.Product
		table   string
		columns string
		want    []string
	}{
		{synapse.Product(), Instances, "instance first_day last_day days total_users daily_active_users server server_version r30v2_users names_homeserver", []string{
			"a | " + first + " | " + second + " | 2 | 6 | 16 | synapse | 1.100 | {\"all\":7,\"web\":2} | a.example.org",
			"b | " + first + " | " + first + " | 1 | 1 |  | dendrite | 0.13 |  | b.example.org",
		}},
		{synapse.Product(), Months, "month instance days daily_active_users", []string{first + " | a | 2 | 16", first + " | b | 1 | "}},
		{synapse.Product(), Days, "date instance first_hour last_hour total_users daily_active_users", []string{
			first + " | a | 9 | 12 | 6 | 12", first + " | b | 9 | 9 | 1 | ", second + " | a | 9 | 9 | 4 | 20",
		}},
		{coroot.Product(), Instances, "instance version nodes page_views clouds prometheus fluxcd argocd", []string{
			`c | 1.2.3 | 3 | 11 | ["aws","gcp"] | true | false | `,
		}},
		{coroot.Product(), Days, "date page_views clouds", []string{first + ` | 10 | ["aws","gcp"]`, second + " | 1 | "}},
		{kubeatlas.Product(), Days, "date instance clusters packs", []string{first + ` | s1 | 2 | ["istio","other"]`, second + ` | s2 | 2 | ["istio","other"]`}},
	} {
		columns, rows := readCSV(t, written(t, db, ofProduct(c.p, c.table, CSV)))
		if got := picked(rows, strings.Fields(c.columns)...); !slices.Equal(got, c.want) {
			t.Errorf("%s of %s:\n%s\nwant\n%s\ncolumns %v", c.table, c.p.Name, strings.Join(got, "\n"), strings.Join(c.want, "\n"), columns)
		}
	}
	_, rows := readCSV(t, written(t, db, ofProduct(coroot.Product(), Series, CSV)))
	rows = slices.DeleteFunc(rows, func(r map[string]string) bool { return r["metric"] != "coroot_page_views" })
	want := []string{first + ` | coroot | c | {} | {"10":6,"9":4}`, second + ` | coroot | c | {} | {"9":1}`}
	if got := picked(rows, "date", "product", "instance", "labels", "hours"); !slices.Equal(got, want) {
		t.Errorf("series: %q", got)
	}
}

// Who upgrades, and reports before and after within an hour, has the version that the
// figures count: 1.100 is above 1.99.
func TestTablesHaveTheNewestOfAnHour(t *testing.T) {
	at := march.Start().Add(9 * time.Hour)
	for _, older := range []string{"1.99", "1.9"} {
		db := reportFile(t,
			reportOf(t, synapse.Product(), "a", at, `{"homeserver":"a"}`, "Synapse/"+older+".0"),
			reportOf(t, synapse.Product(), "a", at.Add(time.Minute), `{"homeserver":"a"}`, "Synapse/1.100.0"),
		)
		for _, table := range []string{Instances, Months, Days} {
			_, rows := readCSV(t, written(t, db, ofProduct(synapse.Product(), table, CSV)))
			if got := picked(rows, "server_version"); !slices.Equal(got, []string{"1.100"}) {
				t.Errorf("%s: after %s and 1.100 it has %q", table, older, got)
			}
		}
	}
}

// All formats of all tables have the same cells, no table without ids has a name, and
// sessions have no table that joins them.
func TestFormatsOfProducts(t *testing.T) {
	db := productsFile(t)
	for _, p := range []product.Product{synapse.Product(), coroot.Product(), kubeatlas.Product()} {
		for _, table := range TablesOf(p) {
			columns, want := readCSV(t, written(t, db, ofProduct(p, table, CSV)))
			if lines := readJSONL(t, written(t, db, ofProduct(p, table, JSONL))); !reflect.DeepEqual(lines, want) || len(want) == 0 {
				t.Errorf("%s of %s as JSON: %v\nas CSV: %v", table, p.Name, lines, want)
			}
			order, rows := readParquet(t, written(t, db, ofProduct(p, table, Parquet)))
			if !slices.Equal(order, columns) || !reflect.DeepEqual(rows, want) {
				t.Errorf("%s of %s as Parquet: %v\nas CSV: %v", table, p.Name, rows, want)
			}
			if sorted := slices.Compact(slices.Sorted(slices.Values(columns))); len(sorted) != len(columns) {
				t.Errorf("%s of %s has a column twice: %v", table, p.Name, columns)
			}
			anonymous := ofProduct(p, table, CSV)
			anonymous.Alias = RandomAlias()
			if text := string(written(t, db, anonymous)); strings.Contains(text, "example.org") || strings.Count(text, "\n") == 1 {
				t.Errorf("%s of %s without ids:\n%s", table, p.Name, text)
			}
		}
	}
	anonymous := whole(Series, CSV)
	anonymous.Alias, anonymous.Raw = RandomAlias(), []string{"synapse_names"}
	if text := string(written(t, db, anonymous)); strings.Contains(text, "example.org") || !strings.Contains(text, "synapse_total_users") {
		t.Errorf("series of all products without ids:\n%s", text)
	}
	if joined := TablesOf(kubeatlas.Product()); slices.Contains(joined, Months) || slices.Contains(joined, Instances) {
		t.Errorf("sessions have the tables %v", joined)
	}
	_, rows := readCSV(t, written(t, db, ofProduct(kubeatlas.Product(), Days, CSV)))
	if keys := slices.Collect(maps.Keys(rows[0])); slices.Contains(keys, "first_hour") {
		t.Error("sessions have an hour")
	}
}
