package dataset

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
	"github.com/cozystack/cozystack-telemetry-server/overview/tabular"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// What clusters make up is text in every program that opens the file: no formula, no line and
// no column more. The same figures are the same bytes.
func TestHostileNamesInFiles(t *testing.T) {
	hostile := []string{`=HYPERLINK("http://127.0.0.1/"&A1)`, "+1", "-1", "@SUM(A1)", "\t=1", "a,b\"c\r\nd", "\u202eabc", "", "</script>"}
	p := published.Period{Published: published.Seen, Source: rollup.SourceRollups, Counts: published.Counts{Apps: map[string]int64{}}}
	for i, name := range hostile {
		p.Apps[name] = int64(i)
	}
	rows := OfMonth(24315, p, nil)
	for _, format := range Formats() {
		one, err := File(format, rows)
		again, againErr := File(format, OfMonth(24315, p, nil))
		if err != nil || againErr != nil || !bytes.Equal(one, again) {
			t.Errorf("%s: %v, %v, or other bytes", format, err, againErr)
		}
	}
	file, err := File(tabular.CSV, rows)
	if err != nil {
		t.Fatal(err)
	}
	read, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil || len(read) != 1+len(rows) {
		t.Fatalf("%d lines of %d rows: %v", len(read), len(rows), err)
	}
	for _, line := range read {
		for _, cell := range line {
			if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
				t.Errorf("%q is a formula", cell)
			}
		}
	}
}

// A metric of a product may be named as a figure of all products is: Coroot counts instances of
// applications. No file has the same figure, or the same column, twice.
func TestMetricsNamedAsFigures(t *testing.T) {
	instances, reports, days := int64(16), int64(31), 30
	metrics := map[string]float64{"instances": 2160, "reports": 7, "days_with_data": 1, "month": 2}
	seen := map[string]bool{}
	for _, r := range OfProduct(24315, 1, published.ProductPeriod{
		Instances: instances, Reports: reports, Metrics: metrics, Shares: map[string]map[string]int64{"metric": {"instances": 16}},
	}) {
		name := strings.Join([]string{r.Figure, r.Dimension, r.Value}, " ")
		if seen[name] {
			t.Errorf("%q is there twice", name)
		}
		seen[name] = true
	}
	file, err := ProductHistoryCSV(&published.ProductHistory{Months: []published.ProductHistoryMonth{
		{Month: 24315, Instances: &instances, Reports: &reports, Metrics: metrics, DaysWithData: &days},
	}})
	if err != nil {
		t.Fatal(err)
	}
	read, err := csv.NewReader(bytes.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]string{}
	for i, name := range read[0] {
		if _, twice := column[name]; twice {
			t.Errorf("column %q is there twice", name)
		}
		column[name] = read[1][i]
	}
	if column["instances"] != "16" || column["metric_instances"] != "2160" {
		t.Errorf("%v", column)
	}
}

// Of a month that VictoriaMetrics has seen all of, the rollups may have seen a part: what is
// confirmed is of that.
func TestConfirmedRowsSayOfThemselvesWhatTheyAre(t *testing.T) {
	p := published.Period{Published: published.Seen, Source: rollup.SourceVictoriaMetrics, Complete: true, Confirmed: &published.ConfirmedCounts{}}
	for _, complete := range []bool{true, false} {
		p.Confirmed.Complete = complete
		for _, r := range OfMonth(24315, p, nil) {
			if want := r.Base == published.Seen || complete; r.Complete != want {
				t.Errorf("%+v", r)
			}
		}
	}
}
