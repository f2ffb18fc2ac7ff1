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
