package overview

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxMirrorLine bounds a line of a day's file.
const maxMirrorLine = 16 << 20

// MirrorReader is told what a folder of the mirror holds. An error of any function
// ends the reading and is returned.
type MirrorReader struct {
	// Day gets each record of a day's file, in the order of the file.
	Day func(date rollup.Date, product, instance string, d rollup.Day) error
	// Month gets each month's snapshot.
	Month func(rollup.Snapshot) error
	// Bad gets what can't be used: a line, or with line 0 a whole file, and why.
	Bad func(file string, line int, why error) error
	// Progress, if set, is told how many of the bytes of days' files are read.
	Progress func(done, total int64)
}

// ReadMirror reads a folder that a [Mirror] has written, from the oldest day on,
// and then its months. A day's file that is not the one that the manifest names is
// bad, but its lines are read. Files with other names are passed over.
func ReadMirror(ctx context.Context, dir string, r MirrorReader) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	days, total, err := dayFiles(dir)
	if err != nil {
		return err
	}
	if r.Progress == nil {
		r.Progress = func(int64, int64) {}
	}
	listed := listedDays(dir)
	var done int64
	for _, f := range days {
		if err := readDay(ctx, dir, f.date, listed, r); err != nil {
			return err
		}
		done += f.size
		r.Progress(done, total)
	}
	return readMonths(dir, r)
}

// dayFile is a day's file.
type dayFile struct {
	date rollup.Date
	size int64
}

// dayFiles returns the files of days, ascending, and how large all are together.
func dayFiles(dir string) (files []dayFile, total int64, err error) {
	entries, err := readFolder(filepath.Join(dir, dayFolderName))
	if err != nil {
		return nil, 0, err
	}
	for _, e := range entries {
		date, ok := dayOfFile(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, 0, err
		}
		files = append(files, dayFile{date, info.Size()})
		total += info.Size()
	}
	return files, total, nil
}

// listedDays returns the manifest's days, of whichever database. Without a manifest
// there is nothing to hold the files against.
func listedDays(dir string) map[string]dayEntry {
	b, err := readBounded(filepath.Join(dir, dayFolderName, manifestName))
	var list manifest
	if err != nil || json.Unmarshal(b, &list) != nil {
		return nil
	}
	return list.Days
}

func readDay(ctx context.Context, dir string, date rollup.Date, listed map[string]dayEntry, r MirrorReader) error {
	name := filepath.Join(dayFolderName, dayFileName(date))
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	digest := sha256.New()
	lines := bufio.NewScanner(io.TeeReader(f, digest))
	lines.Buffer(make([]byte, 64<<10), maxMirrorLine)
	n := 0
	for lines.Scan() {
		n++
		if err := ctx.Err(); err != nil {
			return err
		}
		product, instance, d, err := DecodeMirrorLine(lines.Bytes())
		if err != nil {
			err = r.Bad(name, n, err)
		} else {
			err = r.Day(date, product, instance, d)
		}
		if err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return r.Bad(name, n+1, err)
	case err != nil:
		return err
	}
	e, ok := listed[date.String()]
	if ok && hex.EncodeToString(digest.Sum(nil)) != e.SHA256 {
		return r.Bad(name, 0, errors.New("not the file that the manifest names: it was cut off or edited"))
	}
	return nil
}

func readMonths(dir string, r MirrorReader) error {
	entries, err := readFolder(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		month, ok := monthOfFile(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		b, err := readBounded(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		s, err := decodeMonth(b, month)
		if err != nil {
			err = r.Bad(e.Name(), 0, err)
		} else {
			err = r.Month(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// MirrorChecked counts what [CheckMirror] has found to be good.
type MirrorChecked struct {
	Days, Months int
	// OfAnotherFile is set where the manifest is that of another database, such as
	// the one that was lost before this one was restored.
	OfAnotherFile bool
}

// CheckMirror holds a folder against the store that it mirrors: every day's file
// has exactly the store's records, and every month's file has its snapshot. A day's
// file must be the one that the manifest names, unless that is of another database.
// bad is told what is not so.
func CheckMirror(ctx context.Context, dir string, store MirrorStore, bad func(file, why string)) (n MirrorChecked, err error) {
	m := NewMirror(dir, store, MirrorConfig{})
	versions, err := store.DayVersions()
	if err != nil {
		return n, err
	}
	days, _, err := dayFiles(dir)
	if err != nil {
		return n, err
	}
	for _, f := range days {
		if _, ok := versions[f.date]; !ok {
			bad(filepath.Join(dayFolderName, dayFileName(f.date)), "the database lacks this day")
		}
	}
	list, ok := m.loadManifest()
	n.OfAnotherFile = ok && list.Database != "" && list.Database != store.DatabaseID()
	for _, date := range slices.Sorted(maps.Keys(versions)) {
		sum, why, err := m.checkDay(ctx, date)
		if err != nil {
			return n, err
		}
		if why == "" && !n.OfAnotherFile && sum != list.Days[date.String()].SHA256 {
			why = "the manifest does not name this file; a server that starts on it repairs that"
		}
		if why != "" {
			bad(filepath.Join(dayFolderName, dayFileName(date)), why)
			continue
		}
		n.Days++
	}
	snapshots, err := store.Snapshots()
	for _, s := range snapshots {
		want, err := encodeMonth(s)
		if err != nil {
			return n, err
		}
		have, err := readBounded(filepath.Join(dir, monthFileName(s.Month)))
		switch {
		case err != nil:
			bad(monthFileName(s.Month), reason(err))
		case !bytes.Equal(have, want):
			bad(monthFileName(s.Month), "differs from the snapshot in the database")
		default:
			n.Months++
		}
	}
	return n, err
}

// checkDay returns the SHA-256 of a day's file, and what is wrong with it. An error
// is the store's.
func (m *Mirror) checkDay(ctx context.Context, date rollup.Date) (sum, why string, err error) {
	f, err := os.Open(filepath.Join(m.dayFolder(), dayFileName(date)))
	if err != nil {
		return "", reason(err), nil
	}
	defer f.Close()
	digest := sha256.New()
	file := bufio.NewReaderSize(io.TeeReader(f, digest), 64<<10)
	err = m.store.Instances(ctx, date, func(product, instance string, d rollup.Day) error {
		line, err := EncodeMirrorLine(product, instance, d)
		if err != nil || why != "" {
			return err
		}
		want := append(line, '\n')
		have := make([]byte, len(want))
		if _, err := io.ReadFull(file, have); err != nil || !bytes.Equal(have, want) {
			why = fmt.Sprintf("differs from the database at %s %s", product, instance)
		}
		return nil
	})
	if err != nil || why != "" {
		return "", why, err
	}
	if _, err := file.ReadByte(); err != io.EOF {
		return "", "has more than the database", nil
	}
	return hex.EncodeToString(digest.Sum(nil)), "", nil
}

// reason is an error without the path, which is told apart.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
