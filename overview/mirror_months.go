package overview

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// importMonths takes over into the store the months that only the folder knows,
// and removes left-over files.
func (m *Mirror) importMonths(ctx context.Context, found *Repaired) error {
	m.months.Lock()
	defer m.months.Unlock()
	snapshots, err := m.store.Snapshots()
	if err != nil {
		return err
	}
	if err := tidy(m.dir); err != nil {
		found.warn("what a crash has left was not removed: %v", err)
	}
	entries, err := readFolder(m.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		month, ok := monthOfFile(e.Name())
		known := slices.ContainsFunc(snapshots, func(s rollup.Snapshot) bool { return s.Month == month })
		switch {
		case e.Name() == dayFolderName:
		case e.IsDir() && isAside(e.Name()):
			found.warn("%q was set aside: take over what it has with restore and merge, then remove it", e.Name())
		case isLeftOver(e.Name()): // of which tidy has left what is being written
		case !ok || !e.Type().IsRegular():
			found.warn("%q is not a file of the mirror: ignored", e.Name())
		case !known:
			err = m.importMonth(ctx, month, found)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// importMonth takes a month over into the store. A file that can't be used is a
// warning; an error is the store's.
func (m *Mirror) importMonth(ctx context.Context, month rollup.MonthID, found *Repaired) error {
	name := monthFileName(month)
	b, err := readBounded(filepath.Join(m.dir, name))
	if err != nil {
		found.warn("%q can't be imported: %v", name, err)
		return nil
	}
	s, err := decodeMonth(b, month)
	if err != nil {
		found.warn("%q is not imported: %v", name, err)
		return nil
	}
	if _, err := m.store.OfferSnapshot(ctx, s); err != nil {
		return fmt.Errorf("import %s: %w", name, err)
	}
	found.Imported = append(found.Imported, month)
	return nil
}

// syncMonths writes every month whose file differs from the store.
func (m *Mirror) syncMonths(failed *failures) {
	m.months.Lock()
	defer m.months.Unlock()
	snapshots, err := m.store.Snapshots()
	failed.add(err)
	for _, s := range snapshots {
		failed.add(m.writeMonth(s))
	}
}

func (m *Mirror) writeMonth(s rollup.Snapshot) error {
	b, err := encodeMonth(s)
	if err != nil {
		return err
	}
	return writeIfDifferent(filepath.Join(m.dir, monthFileName(s.Month)), b)
}

func encodeMonth(s rollup.Snapshot) ([]byte, error) {
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

// decodeMonth reads the file of a month, of ours or of the original server. The
// latter is known by its lack of a source.
func decodeMonth(b []byte, month rollup.MonthID) (rollup.Snapshot, error) {
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
	for _, n := range s.Apps {
		counts = append(counts, n)
	}
	for _, n := range s.Kinds {
		counts = append(counts, n)
	}
	if s.Confirmed != nil {
		counts = append(counts, *s.Confirmed)
	}
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
