package mirror

import (
	"encoding/json"
	"path/filepath"
)

// Holds tells whether a folder has anything that a Mirror has written: a
// day that is not empty, or a month of this server. A server whose database is
// missing can be restored from it. Months of the original server do not count:
// those are imported.
func Holds(dir string) (bool, error) {
	days, err := readFolder(filepath.Join(dir, dayFolderName))
	if err != nil {
		return false, err
	}
	for _, e := range days {
		info, err := e.Info()
		if _, ok := dayOfFile(e.Name()); ok && err == nil && info.Mode().IsRegular() && info.Size() > 0 {
			return true, nil
		}
	}
	months, err := readFolder(dir)
	if err != nil {
		return false, err
	}
	for _, e := range months {
		if _, ok := monthOfFile(e.Name()); ok && hasSource(filepath.Join(dir, e.Name())) {
			return true, nil
		}
	}
	return false, nil
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
