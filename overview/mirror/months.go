package mirror

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// importMonths takes over into the store the months that only the folder knows, with
// what another file's mirror excludes, and removes left-over files.
func (m *Mirror) importMonths(ctx context.Context, found *Repaired) error {
	m.months.Lock()
	defer m.months.Unlock()
	if err := m.importExcluded(ctx, found); err != nil {
		return err
	}
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
		case e.Name() == dayFolderName, e.Name() == excludedName:
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
	s, err := DecodeMonth(b, month)
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

// syncMonths writes every month whose file differs from the store, and what is excluded.
func (m *Mirror) syncMonths(failed *failures) {
	m.months.Lock()
	defer m.months.Unlock()
	snapshots, err := m.store.Snapshots()
	failed.add(err)
	for _, s := range snapshots {
		failed.add(m.writeMonth(s))
	}
	failed.add(m.writeExcluded())
}

func (m *Mirror) writeMonth(s rollup.Snapshot) error {
	b, err := EncodeMonth(s)
	if err != nil {
		return err
	}
	return writeIfDifferent(filepath.Join(m.dir, monthFileName(s.Month)), b)
}
