package mirror

import (
	"bufio"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// maxLine bounds a line of a day's file.
const maxLine = 16 << 20

// Reader is told what a folder of the mirror holds. An error of any function
// ends the reading and is returned.
type Reader struct {
	// Day gets each record of a day's file, in the order of the file.
	Day func(date rollup.Date, product, instance string, d rollup.Day) error
	// Excluded gets what figures leave out, before the months.
	Excluded func([]rollup.Exclusion) error
	// Month gets each month's snapshot.
	Month func(rollup.Snapshot) error
	// Bad gets what can't be used: a line, or with line 0 a whole file, and why.
	Bad func(file string, line int, why error) error
	// LeftOut, if set, is told at first up to which day the mirror has left days out, for
	// they found no room in so many bytes.
	LeftOut func(through rollup.Date, maxBytes int64)
	// Progress, if set, is told how many of the bytes of days' files are read.
	Progress func(done, total int64)
}

// Read reads a folder that a [Mirror] has written, from the oldest day on,
// then what is excluded, and then its months. A day's file that is not the one that the manifest names is
// bad, but its lines are read; so are both files of a day that has both forms. Files
// with other names are passed over.
func Read(ctx context.Context, dir string, r Reader) error {
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
	list := loadManifest(dir)
	if through, ok := list.LeftOut.last(); ok && r.LeftOut != nil {
		r.LeftOut(through, list.LeftOut.Bound)
	}
	var done int64
	for _, f := range days {
		sum, err := readDay(ctx, dir, f, r)
		if err != nil {
			return err
		}
		if e, ok := list.Days[f.date.String()]; ok && sum != "" && sum != e.SHA256 {
			if err := r.Bad(f.name(), 0, errors.New("not the file that the manifest names: it was cut off or edited")); err != nil {
				return err
			}
		}
		done += f.size
		r.Progress(done, total)
	}
	if err := readExclusions(dir, r); err != nil {
		return err
	}
	return readMonths(dir, r)
}

func readExclusions(dir string, r Reader) error {
	all, err := readExcluded(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return r.Bad(excludedName, 0, err)
	}
	return r.Excluded(all)
}

// readDay reads a day's file, and returns its digest; "" if it was not read to its end.
func readDay(ctx context.Context, dir string, f dayFile, r Reader) (sum string, err error) {
	file, err := openDay(dir, f)
	if err != nil {
		return "", err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 64<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		if err := ctx.Err(); err != nil {
			return "", err
		}
		product, instance, d, err := DecodeLine(lines.Bytes())
		if err != nil {
			err = r.Bad(f.name(), n, err)
		} else {
			err = r.Day(f.date, product, instance, d)
		}
		if err != nil {
			return "", err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong), errors.Is(err, errGzip):
		return "", r.Bad(f.name(), n+1, err)
	case err != nil:
		return "", err
	}
	return file.sum()
}

func readMonths(dir string, r Reader) error {
	entries, err := readFolder(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		month, ok := monthOfFile(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if err := readMonth(dir, month, r); err != nil {
			return err
		}
	}
	return nil
}

func readMonth(dir string, month rollup.MonthID, r Reader) error {
	name := monthFileName(month)
	b, err := readBounded(filepath.Join(dir, name))
	switch {
	case errors.Is(err, errTooLarge):
		return r.Bad(name, 0, err)
	case err != nil:
		return err
	}
	s, err := DecodeMonth(b, month)
	if err != nil {
		return r.Bad(name, 0, err)
	}
	return r.Month(s)
}
