package mirror

import (
	"context"
	"fmt"
	"io/fs"
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
	known, err := m.knownMonths()
	if err != nil {
		return err
	}
	folders, err := foldersIn(m.dir)
	if err != nil {
		return err
	}
	for _, f := range folders {
		if err := tidy(f.path()); err != nil {
			found.warn("what a crash has left was not removed: %v", err)
		}
		entries, err := readFolder(f.path())
		if err != nil {
			return err
		}
		for _, e := range entries {
			if f.in() == "" && (e.Name() == excludedName || slices.Contains(folders, place{f.root, e.Name()})) {
				continue
			}
			if err := m.importEntry(ctx, f, e, known, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// knownMonths returns those of which the store has figures.
func (m *Mirror) knownMonths() (map[Month]bool, error) {
	known := make(map[Month]bool)
	snapshots, err := m.store.Snapshots()
	if err != nil {
		return nil, err
	}
	for _, s := range snapshots {
		known[Month{rollup.Cozystack, s.Month}] = true
	}
	others, err := m.store.ProductSnapshots()
	for _, s := range others {
		known[Month{s.Product, s.Month}] = true
	}
	return known, err
}

// importEntry takes over what an entry of a folder is, and warns of what is none of the
// mirror's.
func (m *Mirror) importEntry(ctx context.Context, f place, e fs.DirEntry, known map[Month]bool, found *Repaired) error {
	name := filepath.Join(f.in(), e.Name())
	month, ok := monthOfFile(e.Name())
	switch {
	case e.Name() == dayFolderName:
	case e.IsDir() && isAside(name):
		found.warn("%q was set aside: take over what it has with restore and merge, then remove it", name)
	case isLeftOver(e.Name()): // of which tidy has left what is being written
	case !ok || !e.Type().IsRegular():
		found.warn("%q is not a file of the mirror: ignored", name)
	case !known[Month{f.product, month}]:
		return m.importMonth(ctx, f, month, found)
	}
	return nil
}

// importMonth takes a month over into the store. A file that can't be used is a
// warning; an error is the store's.
func (m *Mirror) importMonth(ctx context.Context, f place, month rollup.MonthID, found *Repaired) error {
	name := f.month(month)
	b, err := readBounded(filepath.Join(m.dir, name))
	if err != nil {
		found.warn("%q can't be imported: %v", name, err)
		return nil
	}
	offer, err := m.decodeMonth(b, f, month)
	if err != nil {
		found.warn("%q is not imported: %v", name, err)
		return nil
	}
	if err := offer(ctx); err != nil {
		return fmt.Errorf("import %s: %w", name, err)
	}
	found.Imported = append(found.Imported, Month{f.product, month})
	return nil
}

// decodeMonth reads a month's file, and returns what offers it to the store.
func (m *Mirror) decodeMonth(b []byte, f place, month rollup.MonthID) (offer func(context.Context) error, err error) {
	if f.product == rollup.Cozystack {
		s, err := DecodeMonth(b, month)
		return func(ctx context.Context) error {
			_, err := m.store.OfferSnapshot(ctx, s)
			return err
		}, err
	}
	s, err := DecodeProductMonth(b, f.product, month)
	return func(ctx context.Context) error {
		_, err := m.store.OfferProductSnapshot(ctx, s)
		return err
	}, err
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
	others, err := m.store.ProductSnapshots()
	failed.add(err)
	for _, s := range others {
		failed.add(m.writeProductMonth(s))
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

func (m *Mirror) writeProductMonth(s rollup.ProductSnapshot) error {
	if !isFolderName(s.Product) {
		return errNoFolder(s.Product)
	}
	b, err := EncodeProductMonth(s)
	if err != nil {
		return err
	}
	return writeIfDifferent(filepath.Join(m.dir, place{m.dir, s.Product}.month(s.Month)), b)
}
