package rollup_test

import (
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

func TestDate(t *testing.T) {
	tests := map[string]struct {
		at    time.Time
		text  string
		month string
		day   int
	}{
		"epoch":                 {time.Unix(0, 0), "1970-01-01", "1970-01", 1},
		"just before the epoch": {time.Unix(0, -1), "1969-12-31", "1969-12", 31},
		"a day before":          {time.Unix(-86400, 0), "1969-12-31", "1969-12", 31},
		"more than a day":       {time.Unix(-86401, 0), "1969-12-30", "1969-12", 30},
		"leap day":              {time.Date(2024, 2, 29, 23, 59, 59, 999999999, time.UTC), "2024-02-29", "2024-02", 29},
		"behind the leap day":   {time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC), "2024-03-01", "2024-03", 1},
		"end of a year":         {time.Date(2025, 12, 31, 23, 59, 59, 0, time.UTC), "2025-12-31", "2025-12", 31},
		"another zone":          {time.Date(2026, 1, 1, 5, 0, 0, 0, time.FixedZone("", 6*60*60)), "2025-12-31", "2025-12", 31},
		"the zero time":         {time.Time{}, "0001-01-01", "0001-01", 1},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			d := rollup.DateOf(test.at)
			if d.String() != test.text || d.Month().String() != test.month || d.DayOfMonth() != test.day {
				t.Errorf("got %s, month %s, day %d", d, d.Month(), d.DayOfMonth())
			}
			if m := rollup.MonthOf(test.at); m != d.Month() {
				t.Errorf("MonthOf says %s", m)
			}
			if back, err := rollup.ParseDate(test.text); err != nil || back != d {
				t.Errorf("parsed: %v, %v", back, err)
			}
		})
	}
}

func TestMonth(t *testing.T) {
	tests := []struct {
		year        int
		month       time.Month
		text        string
		first, last string
		days        int
	}{
		{2026, time.January, "2026-01", "2026-01-01", "2026-01-31", 31},
		{2025, time.December, "2025-12", "2025-12-01", "2025-12-31", 31},
		{2024, time.February, "2024-02", "2024-02-01", "2024-02-29", 29},
		{2025, time.February, "2025-02", "2025-02-01", "2025-02-28", 28},
		{2000, time.February, "2000-02", "2000-02-01", "2000-02-29", 29},
		{2100, time.February, "2100-02", "2100-02-01", "2100-02-28", 28},
		{1969, time.November, "1969-11", "1969-11-01", "1969-11-30", 30},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			m := rollup.NewMonth(test.year, test.month)
			if m.String() != test.text || m.First().String() != test.first || m.Last().String() != test.last || m.Days() != test.days {
				t.Errorf("got %s, %s to %s, %d days", m, m.First(), m.Last(), m.Days())
			}
			if back, err := rollup.ParseMonth(test.text); err != nil || back != m {
				t.Errorf("parsed: %v, %v", back, err)
			}
			if !m.Start().Equal(m.First().Start()) || !m.End().Equal((m.Last() + 1).Start()) {
				t.Errorf("from %s to %s", m.Start(), m.End())
			}
		})
	}
}

func TestAddingMonthsCrossesYears(t *testing.T) {
	m := rollup.NewMonth(2025, time.November)
	if got := (m + 3).String(); got != "2026-02" {
		t.Errorf("3 months on: %s", got)
	}
	if got := (m - 11).String(); got != "2024-12" {
		t.Errorf("11 months back: %s", got)
	}
}

func TestCalendarAgreesWithTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The years 1 to 9999.
		at := time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), 0)
		d, utc := rollup.DateOf(at), at.UTC()
		if d.String() != utc.Format(time.DateOnly) || d.DayOfMonth() != utc.Day() || d.Month() != rollup.NewMonth(utc.Year(), utc.Month()) {
			t.Fatalf("%s: got %s of %s", utc, d, d.Month())
		}
		if at.Before(d.Start()) || !at.Before((d + 1).Start()) {
			t.Fatalf("%s lies outside of %s", utc, d)
		}
		if m := d.Month(); d < m.First() || d > m.Last() {
			t.Fatalf("%s lies outside of %s", d, m)
		}
	})
}

func TestNoDate(t *testing.T) {
	for _, text := range []string{"", "2026", "2026-03", "2026-3-1", "2026-02-29", "2026-13-01", "2026-03-01T00:00:00Z", "x"} {
		if d, err := rollup.ParseDate(text); err == nil {
			t.Errorf("%q is read as %s", text, d)
		}
	}
	for _, text := range []string{"", "2026", "2026-3", "2026-00", "2026-13", "2026-03-01", "x"} {
		if m, err := rollup.ParseMonth(text); err == nil {
			t.Errorf("%q is read as %s", text, m)
		}
	}
}

func TestMonthAsJSON(t *testing.T) {
	type doc struct {
		Month rollup.MonthID
		ByKey map[rollup.MonthID]int
	}
	in := doc{rollup.NewMonth(2026, 3), map[rollup.MonthID]int{rollup.NewMonth(2025, 12): 1}}
	b, err := json.Marshal(in)
	if want := `{"Month":"2026-03","ByKey":{"2025-12":1}}`; err != nil || string(b) != want {
		t.Fatalf("got %s, %v", b, err)
	}
	var out doc
	if err := json.Unmarshal(b, &out); err != nil || out.Month != in.Month || out.ByKey[rollup.NewMonth(2025, 12)] != 1 {
		t.Errorf("got %+v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"Month":"March"}`), &out); err == nil {
		t.Error("rubbish is read as a month")
	}
}

// The machine's zone changes nothing.
func TestZoneOfTheMachineDoesNotMatter(t *testing.T) {
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	for _, offset := range []int{-11, 0, 14} {
		time.Local = time.FixedZone("test", offset*60*60)
		at := time.Unix(time.Date(2026, 3, 31, 23, 30, 0, 0, time.UTC).Unix(), 0)
		if d := rollup.DateOf(at); d.String() != "2026-03-31" || d.Month().String() != "2026-03" || d.Start().Location() != time.UTC {
			t.Errorf("offset %d: got %s of %s, starting %s", offset, d, d.Month(), d.Start())
		}
		if d, err := rollup.ParseDate("2026-03-31"); err != nil || d != rollup.DateOf(at) {
			t.Errorf("offset %d: parsed %s, %v", offset, d, err)
		}
		if m, err := rollup.ParseMonth("2026-03"); err != nil || m != rollup.MonthOf(at) || m.Start().Location() != time.UTC {
			t.Errorf("offset %d: parsed %s, %v", offset, m, err)
		}
		report := rollup.Report{Received: at, Samples: []rollup.Sample{{Series: "a", Value: 1}}}
		if got := rollup.FromReport(report).Last; got != 23 {
			t.Errorf("offset %d: hour %d", offset, got)
		}
	}
}
