package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/durable"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/layout"
)

// openFile opens the file for reading and writing, or creates it where there is
// none. A file that can't be used is left exactly as it is.
func openFile(path string) (*bolt.DB, error) {
	missing, err := boltfile.Check(path, layout.CheckSchema)
	if err == nil && missing {
		err = createFile(path)
	}
	var db *bolt.DB
	if err == nil {
		db, err = boltfile.OpenInPlace(path, false)
	}
	if err != nil {
		return nil, fmt.Errorf("store: %w%s", err, dberrors.Remedy(err))
	}
	// The commit, even if nothing is to migrate, shows that the file takes commits.
	if err = boltfile.Guard(func() error {
		return db.Update(func(tx *bolt.Tx) error { return layout.Migrate(tx, layout.Migrations()) })
	}); err != nil {
		return nil, errors.Join(fmt.Errorf("store: write %s: %w%s", path, err, dberrors.Remedy(err)), db.Close())
	}
	return db, nil
}

// createFile makes a new database. A crash leaves no half-made one behind, which the
// next start would have to refuse.
func createFile(path string) error {
	path = filepath.Clean(path)
	if err := durable.MakeFolder(filepath.Dir(path)); err != nil {
		return fmt.Errorf("create the folder of %s: %w", path, err)
	}
	// Where another server was quicker, its file is the one to open.
	if err := durable.Create(path, layout.MakeFile); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("create %s: %w", path, err)
	}
	return nil
}

// SetAside renames a file that can't be used, as Open has found, so that a new
// one can take its place: telemetry.db becomes
// telemetry.db.damaged-20260301T120000Z, after the time now. It returns the new
// name. It never replaces a file, and it is durable when it returns.
func SetAside(path string, now time.Time) (string, error) {
	aside := path + ".damaged-" + now.UTC().Format("20060102T150405Z")
	// A link fails where a rename would replace.
	err := os.Link(path, aside)
	if err == nil {
		err = errors.Join(os.Remove(path), durable.SyncFolder(filepath.Dir(path)))
	}
	if err != nil {
		return "", fmt.Errorf("store: set %s aside: %w%s", path, err, dberrors.Remedy(err))
	}
	return aside, nil
}
