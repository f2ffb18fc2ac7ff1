package store

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
	"github.com/cozystack/cozystack-telemetry-server/store/rewrite"
	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// A file that outgrows what is mapped of it is mapped anew once no one reads, and who
// begins to read waits for that: a fold that is reading already must not.
func TestFoldWhileTheFileIsMappedAnew(t *testing.T) {
	month := rollup.MonthOf(march)
	for round := range 20 {
		large := fileOf(t, filepath.Join(t.TempDir(), "a"), func(s *Store) {
			must(t, s.Record(t.Context(), report("a", march, "a"), nil))
		})
		path := large + " small"
		must(t, rewrite.Compact(t.Context(), large, path, nil))
		db, err := bolt.Open(path, 0o600, &bolt.Options{NoSync: true, NoGrowSync: true}) // maps no more than there is
		must(t, err)
		s, err := newReader(db, path)
		must(t, err)
		ended := make(chan error, 1)
		grown := make(chan error, 1)
		go func() {
			for size := 1 << 15; size < 1<<24; size *= 2 {
				err := db.Update(func(tx *bolt.Tx) error {
					return tx.Bucket(layout.BucketMeta).Put(fmt.Append(nil, size), make([]byte, size))
				})
				if err != nil {
					grown <- err
					return
				}
			}
			close(grown)
		}()
		go func() {
			for {
				found := 0
				err := s.Fold(t.Context(), "cozystack", month, month, nil, func(string, []rollup.Month) error { found++; return nil })
				if err == nil && found != 1 {
					err = fmt.Errorf("%d instances were found", found)
				}
				select {
				case ok := <-grown:
					if err == nil {
						err = ok
					}
				default:
					if err == nil {
						continue
					}
				}
				ended <- err
				return
			}
		}()
		select {
		case err := <-ended:
			must(t, err)
		case <-time.After(time.Minute):
			t.Fatalf("round %d: a fold and a commit wait for each other", round)
		}
		must(t, db.Close())
	}
}
