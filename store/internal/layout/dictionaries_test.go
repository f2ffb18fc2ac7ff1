package layout

import (
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// The dictionaries of many products do not drive each other out: to read one anew with
// every report would be dear.
func TestDictionariesAreKeptByProduct(t *testing.T) {
	path := filepath.Join(t.TempDir(), "telemetry.db")
	must(t, MakeFile(path))
	db, err := boltfile.Open(path, false)
	must(t, err)
	defer db.Close()
	var dicts Dictionaries
	month, products := rollup.MonthOf(rollup.Date(20_000).Start()), []string{"a", "b", "c", "d", "e"}
	must(t, db.Update(func(tx *bolt.Tx) error {
		for m := month; m < month+6; m++ {
			for _, product := range products {
				if _, err := dicts.Month(tx, m, product); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	if len(dicts.names) != len(products)*maxCachedDictionaries || len(dicts.dicts) != len(dicts.names) {
		t.Errorf("%d dictionaries are kept by %d names", len(dicts.dicts), len(dicts.names))
	}
	for _, product := range products {
		for m := month + 6 - maxCachedDictionaries; m < month+6; m++ {
			if dicts.dicts[ProductMonth{product, m}] == nil {
				t.Errorf("that of %s in %s is not kept", product, m)
			}
		}
	}
}
