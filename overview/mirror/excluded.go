package mirror

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// excludedName is the file with the instances that figures leave out. There is none as
// long as none ever was.
const excludedName = "excluded.json"

// maxExcludedFile bounds what is read of it: some half a million instances.
const maxExcludedFile = 64 << 20

// WriteMonths mirrors at once all months that have changed, and what is excluded. It does
// not wait for a running Sync.
func (m *Mirror) WriteMonths() error {
	var failed failures
	m.syncMonths(&failed)
	return failed.err()
}

func encodeExcluded(all []rollup.Exclusion) ([]byte, error) {
	b, err := json.MarshalIndent(append([]rollup.Exclusion{}, all...), "", "  ")
	return append(b, '\n'), err
}

func decodeExcluded(b []byte) (all []rollup.Exclusion, err error) {
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, err
	}
	for _, x := range all {
		if x.Product == "" || x.Instance == "" {
			return nil, errors.New("an instance has no name")
		}
	}
	return all, nil
}

// writeExcluded writes the file if it differs from the store.
func (m *Mirror) writeExcluded() error {
	all, err := m.store.Excluded()
	if err != nil {
		return err
	}
	path := filepath.Join(m.dir, excludedName)
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && len(all) == 0 {
		return nil
	}
	b, err := encodeExcluded(all)
	if err != nil {
		return fmt.Errorf("%s: %w", excludedName, err)
	}
	return writeIfDifferent(path, b)
}

// importExcluded takes over what the mirror of another file excludes, such as one that
// was lost: its months are taken over as well. Of this very file the file itself knows.
func (m *Mirror) importExcluded(ctx context.Context, found *Repaired) error {
	if of := m.part(rollup.Cozystack).loadManifest().Database; of == "" || of == m.store.DatabaseID() {
		return nil
	}
	all, err := readExcluded(m.dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		found.warn("%q is not imported: %v", excludedName, err)
		return nil
	}
	if _, err := m.store.Exclude(ctx, all); err != nil {
		return fmt.Errorf("import %s: %w", excludedName, err)
	}
	return nil
}

func readExcluded(dir string) ([]rollup.Exclusion, error) {
	b, err := readUpTo(filepath.Join(dir, excludedName), maxExcludedFile)
	if err != nil {
		return nil, err
	}
	return decodeExcluded(b)
}

// checkExcluded holds the file against the store.
func (m *Mirror) checkExcluded(bad func(file, why string)) error {
	all, err := m.store.Excluded()
	if err != nil {
		return err
	}
	want, err := encodeExcluded(all)
	if err != nil {
		return err
	}
	have, err := readUpTo(filepath.Join(m.dir, excludedName), maxExcludedFile)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(all) == 0:
	case err != nil:
		bad(excludedName, reason(err))
	case !bytes.Equal(have, want):
		bad(excludedName, "differs from the database")
	}
	return nil
}
