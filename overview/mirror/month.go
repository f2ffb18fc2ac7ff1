package mirror

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// EncodeMonth returns the content of a month's file, which DecodeMonth reads as the
// same snapshot.
func EncodeMonth(s rollup.Snapshot) ([]byte, error) {
	s.CollectedAt, s.CheckedAt = s.CollectedAt.UTC(), s.CheckedAt.UTC()
	if s.Apps == nil {
		s.Apps = map[string]int64{} // an object for every reader, never null
	}
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", monthFileName(s.Month), err)
	}
	return append(b, '\n'), nil
}

// DecodeMonth reads the file of a month, of ours or of the original server. The
// latter is known by its lack of a source. What no server can have written is an
// error: counts out of range, another month inside.
func DecodeMonth(b []byte, month rollup.MonthID) (rollup.Snapshot, error) {
	var s rollup.Snapshot
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(b, &fields); err != nil {
		return s, err
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, err
	}
	for _, name := range []string{"month", "collected_at", "clusters", "total_nodes", "total_tenants", "apps"} {
		if _, ok := fields[name]; !ok {
			return s, fmt.Errorf("the field %s is missing", name)
		}
	}
	if s.Month != month {
		return s, fmt.Errorf("the month inside is %s", s.Month)
	}
	s.CollectedAt, s.CheckedAt = s.CollectedAt.UTC(), s.CheckedAt.UTC()
	if _, ours := fields["source"]; !ours {
		if s.Clusters == 0 {
			return s, errors.New("clusters is 0, which the original server wrote when vmselect failed")
		}
		s = fromOriginal(s)
	}
	return s, checkMonth(s)
}

// fromOriginal completes what the original server wrote. It asked VictoriaMetrics
// at the end of the month, so what it collected after the end is the whole month.
func fromOriginal(s rollup.Snapshot) rollup.Snapshot {
	s = rollup.Snapshot{
		Month: s.Month, CollectedAt: s.CollectedAt,
		Clusters: s.Clusters, TotalNodes: s.TotalNodes, TotalTenants: s.TotalTenants, Apps: s.Apps,
		Source: rollup.SourceImported,
		Final:  !s.CollectedAt.Before(s.Month.End()),
	}
	if s.Final {
		s.DaysWithData = s.Month.Days()
	}
	return s
}

func checkMonth(s rollup.Snapshot) error {
	counts := []int64{s.Clusters, s.TotalNodes, s.TotalTenants}
	counts = slices.AppendSeq(counts, maps.Values(s.Apps))
	counts = slices.AppendSeq(counts, maps.Values(s.Kinds))
	if s.ConfirmedClusters != nil {
		counts = append(counts, *s.ConfirmedClusters)
	}
	if c := s.Confirmed; c != nil {
		counts = slices.AppendSeq(append(counts, c.Clusters, c.TotalNodes, c.TotalTenants), maps.Values(c.Kinds))
	}
	if c := s.Confirmed; c != nil && (c.DaysWithData < 0 || c.DaysWithData > s.Month.Days()) {
		return fmt.Errorf("days_with_data of confirmed is %d", c.DaysWithData)
	}
	return checkFigures(counts, s)
}

// checkFigures holds counts, and what a month of any product says of them, to what can be.
func checkFigures(counts []int64, s rollup.Snapshot) error {
	for _, n := range counts {
		if n < 0 || n > rollup.MaxValue {
			return fmt.Errorf("%d is not a count", n)
		}
	}
	switch {
	case s.CollectedAt.Before(s.Month.Start()):
		return errors.New("collected_at is before the month")
	case s.Final && s.CollectedAt.Before(s.Month.End()):
		return errors.New("final, but collected before the month's end")
	case s.DaysWithData < 0 || s.DaysWithData > s.Month.Days():
		return fmt.Errorf("days_with_data is %d", s.DaysWithData)
	}
	switch s.Source {
	case rollup.SourceVictoriaMetrics, rollup.SourceRollups, rollup.SourceImported:
		return nil
	}
	return fmt.Errorf("unknown source %q", s.Source)
}
