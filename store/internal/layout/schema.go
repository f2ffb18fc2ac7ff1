package layout

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"github.com/cozystack/cozystack-telemetry-server/store/dberrors"
)

// SchemaVersion is the version of the layout that this package writes, and
// OldestSchema the first that was ever released. A file with another one is refused
// untouched.
const (
	SchemaVersion = 3
	OldestSchema  = 2
)

// The buckets at the root of the file. docs/database.md tells what is in them.
var (
	BucketMeta      = []byte("meta")
	BucketDays      = []byte("days")
	BucketMonths    = []byte("months")
	BucketSnapshots = []byte("snapshots")
	BucketQueue     = []byte("queue")
	BucketExcluded  = []byte("excluded")
)

// The keys in BucketMeta.
var (
	KeySchema   = []byte("schema")
	KeyID       = []byte("id")
	KeyAppList  = []byte("apps")
	KeyBackfill = []byte("backfill")
	// KeyForgotten says that instances were forgotten, and when.
	KeyForgotten = []byte("forgotten")
	KeyProbe     = []byte("probe")
	// KeyIdentity has the key that names of instances are hashed under.
	KeyIdentity = []byte("identity")
)

// TotalsKey is the key in BucketMeta of the last day of a product whose totals were queued
// to be forwarded.
func TotalsKey(product string) []byte { return []byte("totals/" + product) }

// RootBuckets are all buckets at the root.
func RootBuckets() [][]byte {
	return [][]byte{BucketMeta, BucketDays, BucketMonths, BucketSnapshots, BucketQueue, BucketExcluded}
}

// CreateSchema lays out an empty file.
func CreateSchema(tx *bolt.Tx) error {
	for _, name := range RootBuckets() {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	meta := tx.Bucket(BucketMeta)
	if err := meta.Put(KeyID, []byte(rand.Text())); err != nil {
		return err
	}
	return PutSchema(tx, SchemaVersion)
}

// CheckPresent tells whether the file is one of ours, with the schema of this version.
func CheckPresent(tx *bolt.Tx) error {
	if err := CheckSchema(tx); err != nil {
		return err
	}
	if version := SchemaOf(tx); version < SchemaVersion {
		return fmt.Errorf("%w: it has schema %d, this version reads %d", dberrors.ErrOlder, version, SchemaVersion)
	}
	return nil
}

// CheckSchema tells whether the file is one of ours that this version reads, or brings
// to its schema.
func CheckSchema(tx *bolt.Tx) error {
	meta := tx.Bucket(BucketMeta)
	if meta == nil {
		return dberrors.ErrForeign
	}
	version, n := binary.Uvarint(meta.Get(KeySchema))
	if n <= 0 {
		return dberrors.ErrForeign
	}
	if version > SchemaVersion {
		return fmt.Errorf("%w: it has schema %d, this version knows up to %d", dberrors.ErrNewer, version, SchemaVersion)
	}
	if version < OldestSchema {
		return fmt.Errorf("%w of a release: it has schema %d, the first one is %d", dberrors.ErrForeign, version, OldestSchema)
	}
	for _, name := range RootBuckets() {
		since3 := bytes.Equal(name, BucketExcluded)
		if tx.Bucket(name) == nil && (version >= 3 || !since3) {
			return fmt.Errorf("%w: bucket %q is missing", dberrors.ErrDamaged, name)
		}
	}
	return nil
}
