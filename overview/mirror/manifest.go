package mirror

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// manifest says what the day files hold. A day's file is clean when it is the
// one that was written for the version that the store has now.
type manifest struct {
	// Database is the id of the file whose days these are. Versions of another
	// file mean nothing.
	Database string `json:"database"`
	// Product is whose days these are; none for Cozystack's.
	Product string `json:"product,omitempty"`
	// Days is keyed by date, as in 2026-03-01.
	Days map[string]dayEntry `json:"days"`
	// LeftOut is nil while all days have room.
	LeftOut *leftOut `json:"left_out,omitempty"`
}

type dayEntry struct {
	Version uint64 `json:"version"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
}

// readManifest returns the manifest, or an empty one if there is none that can
// be read, or if it is another database's.
func (p part) readManifest() manifest {
	none := manifest{Database: p.store.DatabaseID(), Product: p.in(), Days: map[string]dayEntry{}}
	list := p.loadManifest()
	if list.Database != none.Database || list.Product != none.Product || list.Days == nil {
		return none
	}
	// The keys become names of files that are written and removed.
	maps.DeleteFunc(list.Days, func(key string, _ dayEntry) bool {
		_, err := rollup.ParseDate(key)
		return err != nil
	})
	return list
}

// loadManifest returns the manifest of a folder, of whichever database it is: the
// zero one if there is none that can be read.
func (f place) loadManifest() (list manifest) {
	b, err := readBounded(filepath.Join(f.days(), manifestName))
	if err != nil || json.Unmarshal(b, &list) != nil {
		return manifest{}
	}
	return list
}

func (p part) writeManifest(list manifest) error {
	b, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", manifestName, err)
	}
	return writeIfDifferent(filepath.Join(p.days(), manifestName), append(b, '\n'))
}
