package store

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// schemaVersion is the version of the layout that this package writes, and
// oldestSchema the first that was ever released. A file with another one is refused
// untouched.
const (
	schemaVersion = 2
	oldestSchema  = 2
)

// The buckets at the root of the file. docs/database.md tells what is in them.
var (
	bucketMeta      = []byte("meta")
	bucketDays      = []byte("days")
	bucketMonths    = []byte("months")
	bucketSnapshots = []byte("snapshots")
	bucketQueue     = []byte("queue")
)

// The keys in bucketMeta.
var (
	keySchema   = []byte("schema")
	keyID       = []byte("id")
	keyAppList  = []byte("apps")
	keyBackfill = []byte("backfill")
	keyProbe    = []byte("probe")
)

func rootBuckets() [][]byte {
	return [][]byte{bucketMeta, bucketDays, bucketMonths, bucketSnapshots, bucketQueue}
}

// createSchema lays out an empty file.
func createSchema(tx *bolt.Tx) error {
	for _, name := range rootBuckets() {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(bucketMeta)
	if err := meta.Put(keyID, []byte(rand.Text())); err != nil {
		return err
	}
	return putSchema(tx, schemaVersion)
}

// checkSchema tells whether the file is one of ours that this version reads.
func checkSchema(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return dberrors.ErrForeign
	}
	version, n := binary.Uvarint(meta.Get(keySchema))
	if n <= 0 {
		return dberrors.ErrForeign
	}
	if version > schemaVersion {
		return fmt.Errorf("%w: it has schema %d, this version knows up to %d", dberrors.ErrNewer, version, schemaVersion)
	}
	if version < oldestSchema {
		return fmt.Errorf("%w of a release: it has schema %d, the first one is %d", dberrors.ErrForeign, version, oldestSchema)
	}
	for _, name := range rootBuckets() {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: bucket %q is missing", dberrors.ErrDamaged, name)
		}
	}
	return nil
}
