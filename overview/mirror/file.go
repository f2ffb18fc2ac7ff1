package mirror

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cozystack/cozystack-telemetry-server/store/durable"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	dayFolderName = "rollups"
	manifestName  = "manifest.json"
	// maxJSONFile bounds what is read of a file that anybody may have put there.
	maxJSONFile = 1 << 20
)

func monthFileName(m rollup.MonthID) string { return m.String() + ".json" }

// form is one of the two in which a day's file is written.
type form string

const (
	plain  form = ".jsonl"    // of the newest day, which changes all the time
	zipped form = ".jsonl.gz" // of the days before, as a stream of gzip
)

func dayFileName(d rollup.Date, as form) string { return d.String() + string(as) }

// monthOfFile is the inverse of monthFileName; ok is false for any other name.
func monthOfFile(name string) (m rollup.MonthID, ok bool) {
	m, err := rollup.ParseMonth(strings.TrimSuffix(name, ".json"))
	return m, err == nil && monthFileName(m) == name
}

// dayOfFile is the inverse of dayFileName; ok is false for any other name.
func dayOfFile(name string) (d rollup.Date, as form, ok bool) {
	day, ext, _ := strings.Cut(name, ".")
	as = form("." + ext)
	d, err := rollup.ParseDate(day)
	return d, as, err == nil && (as == plain || as == zipped) && dayFileName(d, as) == name
}

// isOurs tells whether a name is that of a file of the mirror.
func isOurs(name string) bool {
	_, month := monthOfFile(name)
	_, _, day := dayOfFile(name)
	return month || day || name == manifestName || name == excludedName
}

// isLeftOver tells whether a name is that of what is being made of such a file, or of
// what a crash has left of it.
func isLeftOver(name string) bool {
	of, ok := durable.LeftOver(name)
	return ok && isOurs(of)
}

// tidy removes what crashes have left of files of the mirror.
func tidy(folders ...string) error {
	for _, folder := range folders {
		if err := durable.Tidy(folder, isOurs); err != nil {
			return err
		}
	}
	return nil
}

// writeFile replaces a file with what fill writes, durably. On an error the old file
// stands, except when only the last step has failed. The folder is made if it is
// missing.
func writeFile(path string, fill func(io.Writer) error) error {
	if err := durable.MakeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	if err := durable.Replace(path, durable.Writing(fill)); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return nil
}

// writeIfDifferent replaces a file unless it already has this content.
func writeIfDifferent(path string, want []byte) error {
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() && info.Size() == int64(len(want)) {
		if have, err := os.ReadFile(path); err == nil && bytes.Equal(have, want) {
			return nil
		}
	}
	return writeFile(path, func(w io.Writer) error {
		_, err := w.Write(want)
		return err
	})
}

// errTooLarge is returned for a file that can't be one of the mirror's.
var errTooLarge = errors.New("larger")

// readBounded reads a file of at most maxJSONFile bytes.
func readBounded(path string) ([]byte, error) { return readUpTo(path, maxJSONFile) }

func readUpTo(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%w than %d bytes", errTooLarge, most)
	}
	return b, err
}

// readFolder returns the entries of a folder, sorted by name; none if there is
// no folder yet.
func readFolder(path string) ([]fs.DirEntry, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return entries, err
}
