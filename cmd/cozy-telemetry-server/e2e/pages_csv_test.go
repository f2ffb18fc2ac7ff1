package e2e

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/cozystack/cozystack-telemetry-server/overview/published"
)

// getCSV returns the rows of a file by its columns.
func getCSV(t *testing.T, url string) (rows []map[string]string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	all, err := csv.NewReader(resp.Body).ReadAll()
	if err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/csv") || len(all) < 2 {
		t.Fatalf("%s: %s, %s, %d lines, %v", url, resp.Status, resp.Header.Get("Content-Type"), len(all), err)
	}
	for _, line := range all[1:] {
		row := make(map[string]string)
		for i, column := range all[0] {
			row[column] = line[i]
		}
		rows = append(rows, row)
	}
	return rows
}

// windows are how many months each period has.
var windows = map[string]string{"month": "1", "quarter": "3", "year": "12"}

// checkCSV holds what a page of Cozystack shows against the files that it links to.
func checkCSV(t *testing.T, what string, s sight, span string, base published.Base) {
	t.Helper()
	installed, tiles := map[string]*int64{}, map[string]*int64{}
	for _, row := range getCSV(t, s.Figures["apps-figure"].CSV) {
		if row["window_months"] != windows[span] || row["base"] != string(base) {
			continue
		}
		switch row["figure"] {
		case "apps":
			installed[row["value"]] = whole(t, row["number"])
		case "clusters", "total_nodes", "total_tenants":
			tiles[row["figure"]] = whole(t, row["number"])
		}
	}
	equal(t, what+": applications of the CSV", s.Figures["apps-figure"].column(t, "Installed"), installed)
	for figure, n := range tiles {
		equal(t, what+": "+figure+" of the CSV", s.Tiles[figure].Figure, n)
	}
	if len(tiles) != 3 {
		t.Errorf("%s: the CSV has %d of the tiles", what, len(tiles))
	}
	for id, column := range map[string]string{"history-clusters": "clusters", "history-nodes": "total_nodes"} {
		rows := getCSV(t, s.Figures[id].CSV)
		for head, name := range map[string]string{"Seen": column, "Confirmed": "confirmed_" + column} {
			if head == "Seen" && base == published.Confirmed {
				continue
			}
			months := map[string]*int64{}
			for _, row := range rows {
				months[row["month"]] = whole(t, row[name])
			}
			equal(t, what+": "+id+" of the CSV", s.Figures[id].column(t, head), months)
		}
	}
	checkBreakdownCSV(t, what, s)
}

// checkBreakdownCSV holds each dimension against its rows, in their order.
func checkBreakdownCSV(t *testing.T, what string, s sight) {
	t.Helper()
	var want, got []string
	for _, row := range getCSV(t, s.Figures["by-0"].CSV) {
		want = append(want, row["number"])
	}
	for i := 0; s.Figures[fmt.Sprintf("by-%d", i)].Rows != nil; i++ {
		for _, row := range s.Figures[fmt.Sprintf("by-%d", i)].Rows {
			got = append(got, *row[1])
		}
	}
	for _, row := range s.Figures["variants"].Rows {
		got = append(got, *row[2])
	}
	for _, row := range s.Figures["capacity-figure"].Rows {
		got = append(got, *row[1])
	}
	equal(t, what+": breakdown of the CSV", got, want)
}

// whole is a number of a CSV, nil where it has none.
func whole(t *testing.T, text string) *int64 {
	t.Helper()
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return &n
}
