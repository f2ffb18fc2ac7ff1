package layout

import (
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
	"github.com/cozystack/cozystack-telemetry-server/store/internal/boltfile"
)

// MakeFile makes a new, empty database under a name that is not used.
func MakeFile(path string) error {
	db, err := boltfile.Open(path, false)
	if err != nil {
		return err
	}
	return errors.Join(db.Update(CreateSchema), db.Close())
}

// OpenAtRest opens an existing file of ours, as [boltfile.OpenUnchanged] does, for a
// command: a server has other remedies. A file of an older version is refused.
func OpenAtRest(path string, shared bool) (*bolt.DB, error) {
	return openAtRest(path, shared, CheckPresent)
}

// OpenAnyAtRest does the same, and opens a file of an older version too.
func OpenAnyAtRest(path string, shared bool) (*bolt.DB, error) {
	return openAtRest(path, shared, CheckSchema)
}

func openAtRest(path string, shared bool, check func(tx *bolt.Tx) error) (*bolt.DB, error) {
	db, err := boltfile.OpenUnchanged(path, shared, check)
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, dberrors.RemedyAtRest(err))
	}
	return db, nil
}
