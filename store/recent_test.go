package store

import (
	"testing"
	"time"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// digested is a report with a fingerprint, as the ingest gives it.
func digested(instance string, at time.Time, digest uint64) *rollup.Report {
	return &rollup.Report{Product: "cozystack", Instance: instance, Received: at, Digest: digest}
}

func TestRecentReports(t *testing.T) {
	c := newRecentCache()
	noon := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	c.add(digested("a", noon, 1))
	c.add(digested("a", noon, 2))
	c.add(digested("none", noon, 0))
	for name, tt := range map[string]struct {
		r    *rollup.Report
		want bool
	}{
		"repeated":            {digested("a", noon.Add(59*time.Minute), 1), true},
		"the other client":    {digested("a", noon, 2), true},
		"another value":       {digested("a", noon, 3), false},
		"another instance":    {digested("b", noon, 1), false},
		"another product":     {&rollup.Report{Product: "other", Instance: "a", Received: noon, Digest: 1}, false},
		"the next hour":       {digested("a", noon.Add(time.Hour), 1), false},
		"this hour of a day":  {digested("a", noon.AddDate(0, 0, 1), 1), false},
		"without fingerprint": {digested("none", noon, 0), false},
	} {
		if got := c.has(tt.r); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	c.add(digested("a", noon.Add(time.Hour), 5))
	if c.has(digested("a", noon, 1)) {
		t.Error("the hour before is still known")
	}
	c.drop()
	if c.has(digested("a", noon.Add(time.Hour), 5)) {
		t.Error("it was dropped, and is still known")
	}
}

// However many instances come, the cache stays bounded, and those that are seen
// again stay.
func TestRecentIsBounded(t *testing.T) {
	c := newRecentCache()
	at := time.Date(2026, 3, 5, 12, 0, 0, 0, time.UTC)
	for i := range 3 * recentInstances {
		c.add(digested(uuid(i), at, 7))
		if i%(recentInstances/2) == 0 {
			c.add(digested("regular", at, 9))
		}
		if len(c.young) > recentInstances || len(c.old) > recentInstances {
			t.Fatalf("%d and %d instances", len(c.young), len(c.old))
		}
	}
	if !c.has(digested("regular", at, 9)) {
		t.Error("an instance that came again was forgotten")
	}
	if c.has(digested(uuid(0), at, 7)) {
		t.Error("the first of many is still known")
	}
}

// A report with a known fingerprint is not merged again: that it is the same
// report is the caller's word. It is queued all the same.
func TestRepeatedReportIsQueuedOnly(t *testing.T) {
	s := open(t, Options{})
	r := report(uuid(1), march, "a")
	r.Digest = 42
	must(t, s.Record(t.Context(), r, []byte("a 1 1\n")))
	before, err := s.DayVersions("cozystack")
	must(t, err)
	must(t, s.Record(t.Context(), r, []byte("a 1 2\n")))
	after, err := s.DayVersions("cozystack")
	must(t, err)
	if date := rollup.DateOf(march); before[date] != after[date] {
		t.Errorf("version %d, then %d", before[date], after[date])
	}
	if got := text(t, allBlocks(t, s)); got != "a 1 1\na 1 2\n" {
		t.Errorf("queued %q", got)
	}
}
