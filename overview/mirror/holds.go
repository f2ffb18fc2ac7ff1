package mirror

import (
	"encoding/json"
	"io"
	"path/filepath"
)

// Holds tells whether a folder has anything that a Mirror has written: a
// day that is not empty, or a month of this server. A server whose database is
// missing can be restored from it. Months of the original server do not count:
// those are imported.
func Holds(dir string) (bool, error) {
	folders, err := foldersIn(dir)
	for _, f := range folders {
		holds, err := f.holds()
		if holds || err != nil {
			return holds, err
		}
	}
	return false, err
}

func (f place) holds() (bool, error) {
	days, _, err := f.dayFiles()
	if err != nil {
		return false, err
	}
	for _, day := range days {
		if !isEmpty(f.root, day) {
			return true, nil
		}
	}
	months, err := readFolder(f.path())
	if err != nil {
		return false, err
	}
	for _, e := range months {
		if _, ok := monthOfFile(e.Name()); ok && hasSource(filepath.Join(f.path(), e.Name())) {
			return true, nil
		}
	}
	return false, nil
}

// isEmpty tells whether a day's file has no line, as when all were forgotten. One that
// can't be read may have some.
func isEmpty(dir string, f dayFile) bool {
	file, err := openDay(dir, f)
	if err != nil {
		return false
	}
	defer file.Close()
	_, err = io.ReadFull(file, make([]byte, 1))
	return err == io.EOF
}

// hasSource tells whether the file of a month says where its figures come from,
// which the original server's do not.
func hasSource(path string) bool {
	b, err := readBounded(path)
	if err != nil {
		return false
	}
	var fields map[string]json.RawMessage
	return json.Unmarshal(b, &fields) == nil && fields["source"] != nil
}
