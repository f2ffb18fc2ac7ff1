package mirror

import (
	"bufio"
	"context"
	"errors"
	"fmt"
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
	// Month gets each month's snapshot of cozystack, and ProductMonth those of the other
	// products.
	Month        func(rollup.Snapshot) error
	ProductMonth func(rollup.ProductSnapshot) error
	// Bad gets what can't be used: a line, or with line 0 a whole file, and why.
	Bad func(file string, line int, why error) error
	// LeftOut, if set, is told at first up to which day the mirror has left days of a
	// product out, for they found no room in so many bytes.
	LeftOut func(product string, through rollup.Date, maxBytes int64)
	// Progress, if set, is told how many of the bytes of days' files are read.
	Progress func(done, total int64)
}

// Read reads a folder that a [Mirror] has written: of each product the days, from the
// oldest one on, then what is excluded, and then the months. A day's file that is not the one that the manifest names is
// bad, but its lines are read; so are both files of a day that has both forms. Files
// with other names are passed over.
func Read(ctx context.Context, dir string, r Reader) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	folders, err := foldersIn(dir)
	if err != nil {
		return err
	}
	if err := readDays(ctx, folders, r); err != nil {
		return err
	}
	if err := readExclusions(dir, r); err != nil {
		return err
	}
	for _, f := range folders {
		if err := f.readMonths(r); err != nil {
			return err
		}
	}
	return nil
}

func readDays(ctx context.Context, folders []place, r Reader) error {
	days := make([][]dayFile, len(folders))
	var done, total int64
	for i, f := range folders {
		files, bytes, err := f.dayFiles()
		if err != nil {
			return err
		}
		days[i], total = files, total+bytes
	}
	for i, f := range folders {
		list := f.loadManifest()
		if through, ok := list.LeftOut.last(); ok && r.LeftOut != nil {
			r.LeftOut(f.product, through, list.LeftOut.Bound)
		}
		for _, day := range days[i] {
			if err := f.readDay(ctx, day, list, r); err != nil {
				return err
			}
			done += day.size
			if r.Progress != nil {
				r.Progress(done, total)
			}
		}
	}
	return nil
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

// readDay reads a day's file, and holds it to the manifest.
func (f place) readDay(ctx context.Context, day dayFile, list manifest, r Reader) error {
	sum, err := f.readLines(ctx, day, r)
	if err != nil {
		return err
	}
	if e, ok := list.Days[day.date.String()]; ok && sum != "" && sum != e.SHA256 {
		return r.Bad(day.name(), 0, errors.New("not the file that the manifest names: it was cut off or edited"))
	}
	return nil
}

// readLines reads a day's file, and returns its digest; "" if it was not read to its end.
func (f place) readLines(ctx context.Context, day dayFile, r Reader) (sum string, err error) {
	file, err := openDay(f.root, day)
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
		if err == nil && product != f.product {
			err = fmt.Errorf("%w of %s", ErrLine, f.product)
		}
		if err != nil {
			err = r.Bad(day.name(), n, err)
		} else {
			err = r.Day(day.date, product, instance, d)
		}
		if err != nil {
			return "", err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong), errors.Is(err, errGzip):
		return "", r.Bad(day.name(), n+1, err)
	case err != nil:
		return "", err
	}
	return file.sum()
}

func (f place) readMonths(r Reader) error {
	entries, err := readFolder(f.path())
	if err != nil {
		return err
	}
	for _, e := range entries {
		month, ok := monthOfFile(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if err := f.readMonth(month, r); err != nil {
			return err
		}
	}
	return nil
}

func (f place) readMonth(month rollup.MonthID, r Reader) error {
	name := f.month(month)
	b, err := readBounded(filepath.Join(f.root, name))
	switch {
	case errors.Is(err, errTooLarge):
		return r.Bad(name, 0, err)
	case err != nil:
		return err
	}
	if f.product != rollup.Cozystack {
		s, err := DecodeProductMonth(b, f.product, month)
		if err != nil {
			return r.Bad(name, 0, err)
		}
		return r.ProductMonth(s)
	}
	s, err := DecodeMonth(b, month)
	if err != nil {
		return r.Bad(name, 0, err)
	}
	return r.Month(s)
}
