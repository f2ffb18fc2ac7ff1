package backfill

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A server asks VictoriaMetrics for every day, and takes one job at a time: who asks for
// thousands of years would keep all others out.
func TestBackfillIsBounded(t *testing.T) {
	now := time.Date(2026, 3, 5, 10, 0, 0, 0, time.UTC)
	for months, want := range map[string]string{
		"2024-01 2026-12": "",
		"2026-03 2100-12": "",
		"2023-12 2026-02": "--from: there is nothing of 2023-12: the first month is 2024-01",
		"0001-01 9999-12": "--from: there is nothing of 0001-01: the first month is 2024-01",
		"2026-01 2101-01": "--to: 2101-01 is behind the last month, 2100-12",
		"2026-04 2026-05": "--from: 2026-04 is in the future",
		"2026-02 2026-01": "--to: 2026-01 is before 2026-02",
	} {
		from, to, _ := strings.Cut(months, " ")
		_, err := parseMonths("--", from, to, false, now)
		if got := fmt.Sprint(err); err == nil && want != "" || err != nil && got != want {
			t.Errorf("%s: %v, want %q", months, err, want)
		}
	}
}
