package layout

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
)

// Each step runs once and is noted, and what fails leaves the file as it was.
func TestMigrate(t *testing.T) {
	db, err := boltfile.Open(filepath.Join(t.TempDir(), "telemetry.db"), false)
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error { return errors.Join(CreateSchema(tx), PutSchema(tx, OldestSchema)) }))
	broken := errors.New("broken")
	var ran []int
	step := func(n int, err error) Migration {
		return func(tx *bolt.Tx) error {
			ran = append(ran, n)
			return errors.Join(err, tx.Bucket(BucketMeta).Put([]byte("step"), []byte{byte(n)}))
		}
	}
	update := func(steps ...Migration) error {
		return db.Update(func(tx *bolt.Tx) error { return Migrate(tx, steps) })
	}
	must(t, update())
	if err := update(step(2, nil), step(3, broken)); !errors.Is(err, broken) || !slices.Equal(ran, []int{2, 3}) {
		t.Errorf("steps %d end with %v", ran, err)
	}
	must(t, db.View(func(tx *bolt.Tx) error {
		if left := tx.Bucket(BucketMeta).Get([]byte("step")); left != nil || SchemaOf(tx) != OldestSchema {
			t.Errorf("a step that fails leaves %x, schema %d", left, SchemaOf(tx))
		}
		return nil
	}))
	ran = nil
	must(t, update(step(2, nil)))
	must(t, update(step(2, broken), step(3, nil), step(4, nil)))
	must(t, update(step(2, broken), step(3, broken), step(4, broken)))
	if !slices.Equal(ran, []int{2, 3, 4}) {
		t.Errorf("the steps that ran are %d", ran)
	}
	must(t, db.View(func(tx *bolt.Tx) error {
		if got := SchemaOf(tx); got != OldestSchema+3 {
			t.Errorf("the file has schema %d", got)
		}
		return nil
	}))
	must(t, db.Close())
}

func TestMigrationsLeadToTheSchema(t *testing.T) {
	if got := OldestSchema + len(Migrations()); got != SchemaVersion {
		t.Errorf("they lead to %d, this version writes %d", got, SchemaVersion)
	}
}
