package overview

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

const (
	dayFolderName = "rollups"
	manifestName  = "manifest.json"
	// maxJSONFile bounds what is read of a file that anybody may have put there.
	maxJSONFile = 1 << 20
)

// leftOver matches the temporary files that renameio makes beside a file of
// ours: a dot, the file's name, and a number.
var leftOver = regexp.MustCompile(`^\.(\d{4}-\d{2}\.json|\d{4}-\d{2}-\d{2}\.jsonl|manifest\.json)\d+$`)

func monthFileName(m rollup.MonthID) string { return m.String() + ".json" }

func dayFileName(d rollup.Date) string { return d.String() + ".jsonl" }

// monthOfFile is the inverse of monthFileName; ok is false for any other name.
func monthOfFile(name string) (m rollup.MonthID, ok bool) {
	m, err := rollup.ParseMonth(strings.TrimSuffix(name, ".json"))
	return m, err == nil && monthFileName(m) == name
}

// dayOfFile is the inverse of dayFileName; ok is false for any other name.
func dayOfFile(name string) (d rollup.Date, ok bool) {
	d, err := rollup.ParseDate(strings.TrimSuffix(name, ".jsonl"))
	return d, err == nil && dayFileName(d) == name
}

// isLeftOver tells whether an entry of a folder is such a file.
func isLeftOver(e fs.DirEntry) bool {
	return e.Type().IsRegular() && leftOver.MatchString(e.Name())
}

// writeFile replaces a file with what fill writes. It returns once that is
// durable: the bytes are on disk before the rename, and the rename after it. On
// an error the old file stands, except when only the last step has failed.
// The folder is made if it is missing.
func writeFile(path string, fill func(io.Writer) error) error {
	folder := filepath.Dir(path)
	if err := makeFolder(folder); err != nil {
		return err
	}
	p, err := renameio.NewPendingFile(path,
		renameio.WithTempDir(folder), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return err
	}
	defer p.Cleanup() // nothing after the rename; what it can't remove, Repair will
	w := bufio.NewWriterSize(p, 64<<10)
	if err := fill(w); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if err := p.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncFolder(folder)
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

// readBounded reads a file of at most maxJSONFile bytes.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxJSONFile+1))
	if err == nil && len(b) > maxJSONFile {
		err = fmt.Errorf("larger than %d bytes", maxJSONFile)
	}
	return b, err
}

// makeFolder makes a folder, durably in the folder above.
func makeFolder(path string) error {
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
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

// syncFolder makes the names in a folder durable.
func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
