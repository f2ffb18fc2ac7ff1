package store

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// schemaVersion is the version of the layout that this package writes. A file
// with a higher one is refused untouched.
const schemaVersion = 2

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
	return putSchemaVersion(tx)
}

func putSchemaVersion(tx *bolt.Tx) error {
	return tx.Bucket(bucketMeta).Put(keySchema, binary.AppendUvarint(nil, schemaVersion))
}

// checkSchema tells whether the file is one of ours that this version reads.
func checkSchema(tx *bolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	if meta == nil {
		return ErrForeign
	}
	version, n := binary.Uvarint(meta.Get(keySchema))
	if n <= 0 {
		return ErrForeign
	}
	if version > schemaVersion {
		return fmt.Errorf("%w: it has schema %d, this version knows up to %d", ErrNewer, version, schemaVersion)
	}
	for _, name := range rootBuckets() {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("%w: bucket %q is missing", ErrDamaged, name)
		}
	}
	return nil
}
