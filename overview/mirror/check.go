package mirror

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// Checked counts what [Check] has found to be good.
type Checked struct {
	Days, Months int
	// LeftOut counts the days that the mirror has left out, as its manifest says, for want
	// of room: from the store's first one on.
	LeftOut int
	// OfAnotherFile is set where the manifest is that of another database, such as
	// the one that was lost before this one was restored.
	OfAnotherFile bool
}

// Check holds a folder against the store that it mirrors: every day's file
// has exactly the store's records, every month's file has its snapshot, and the excluded
// are the same. A day's
// file must be the one that the manifest names, unless that is of another database.
// bad is told what is not so.
func Check(ctx context.Context, dir string, store Store, bad func(file, why string)) (n Checked, err error) {
	m := New(dir, store, Config{})
	parts, err := m.parts()
	for _, p := range parts {
		if err == nil {
			err = p.checkDays(ctx, &n, bad)
		}
	}
	if err == nil {
		n.Months, err = m.checkMonths(bad)
	}
	if err == nil {
		err = m.checkExcluded(bad)
	}
	return n, err
}

func (p part) checkDays(ctx context.Context, n *Checked, bad func(file, why string)) error {
	versions, err := p.store.DayVersions(p.product)
	if err != nil {
		return err
	}
	files, _, err := p.dayFiles()
	if err != nil {
		return err
	}
	list := p.loadManifest()
	ofAnotherFile := list.Database != "" && list.Database != p.store.DatabaseID()
	n.OfAnotherFile = n.OfAnotherFile || ofAnotherFile
	missing := maps.Clone(versions)
	for _, f := range files {
		_, known := versions[f.date]
		_, first := missing[f.date]
		delete(missing, f.date)
		sum, why := "", "the database lacks this day"
		switch {
		case known && !first:
			why = "the day has another file; a server that starts on it repairs that"
		case known:
			if sum, why, err = p.checkDay(ctx, f); err != nil {
				return err
			}
			if why == "" && !ofAnotherFile && sum != list.Days[f.date.String()].SHA256 {
				why = "the manifest does not name this file; a server that starts on it repairs that"
			}
		}
		if why != "" {
			bad(f.name(), why)
			continue
		}
		n.Days++
	}
	newest := newestOf(versions)
	for _, date := range slices.Sorted(maps.Keys(missing)) {
		if list.LeftOut.leaves(date) {
			n.LeftOut++
			continue
		}
		bad(dayFile{in: p.in(), date: date, as: formOf(date, newest)}.name(), reason(syscall.ENOENT))
	}
	return nil
}

func (m *Mirror) checkMonths(bad func(file, why string)) (good int, err error) {
	snapshots, err := m.store.Snapshots()
	if err != nil {
		return 0, err
	}
	others, err := m.store.ProductSnapshots()
	if err != nil {
		return 0, err
	}
	files := make(map[string][]byte)
	for _, s := range snapshots {
		if files[monthFileName(s.Month)], err = EncodeMonth(s); err != nil {
			return 0, err
		}
	}
	for _, s := range others {
		if files[place{m.dir, s.Product}.month(s.Month)], err = EncodeProductMonth(s); err != nil {
			return 0, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		have, err := readBounded(filepath.Join(m.dir, name))
		switch {
		case err != nil:
			bad(name, reason(err))
		case !bytes.Equal(have, files[name]):
			bad(name, "differs from the snapshot in the database")
		default:
			good++
		}
	}
	return good, nil
}

// checkDay returns the SHA-256 of a day's file, and what is wrong with it. An error
// is the store's.
func (p part) checkDay(ctx context.Context, f dayFile) (sum, why string, err error) {
	file, err := openDay(p.root, f)
	if err != nil {
		return "", reason(err), nil
	}
	defer file.Close()
	err = p.store.InstancesOf(ctx, p.product, f.date, func(instance string, d rollup.Day) error {
		line, err := EncodeLine(p.product, instance, d)
		if err != nil || why != "" {
			return err
		}
		want := append(line, '\n')
		have := make([]byte, len(want))
		if _, err := io.ReadFull(file, have); err != nil || !bytes.Equal(have, want) {
			why = fmt.Sprintf("differs from the database at %s %s", p.product, instance)
		}
		return nil
	})
	if err != nil || why != "" {
		return "", why, err
	}
	switch n, err := io.CopyN(io.Discard, file, 1); {
	case n > 0:
		return "", "has more than the database", nil
	case !errors.Is(err, io.EOF):
		return "", reason(err), nil
	}
	if sum, err = file.sum(); err != nil {
		return "", reason(err), nil
	}
	return sum, "", nil
}

// reason is an error without the path, which is told apart.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
